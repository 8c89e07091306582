package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
)

// maxDepth is deeper than any message is nested.
const maxDepth = 8

// ReadMessage reads one JSON object that says nothing but what v has a field for, and
// nothing twice. encoding/json would take the last of two, "CSAT" for "csat", and a
// replacement for what is not UTF-8.
func ReadMessage(body []byte, v any) error {
	if !utf8.Valid(body) {
		return errors.New("message is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // whatever their size: that is the field's matter
	if err := checkFields(d, maxDepth); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("message has something after its object")
	}
	d = json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Field == "":
		return fmt.Errorf("message is a JSON %s, not an object", wrong.Value)
	case errors.As(err, &wrong):
		return fmt.Errorf("%s: %s where %s belongs", wrong.Field, wrong.Value, expected(wrong.Type))
	}
	if name, is := strings.CutPrefix(err.Error(), "json: unknown field "); is {
		return fmt.Errorf("field %s is not known", name)
	}
	return fmt.Errorf("message is not as documented: %w", err)
}

// checkFields reads a value, and looks at the names of its fields.
func checkFields(d *json.Decoder, depth int) error {
	t, err := token(d)
	begin, is := t.(json.Delim)
	if err != nil || !is {
		return err
	}
	if depth == 0 {
		return fmt.Errorf("message is nested more than %d deep", maxDepth)
	}
	seen := map[string]bool{}
	for d.More() {
		if begin == '{' {
			t, err := token(d)
			if err != nil {
				return err
			}
			name, _ := t.(string) // the decoder lets nothing else through
			if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
				return fmt.Errorf("field %q is not known", name)
			}
			if seen[name] {
				return fmt.Errorf("field %q is there twice", name)
			}
			seen[name] = true
		}
		if err := checkFields(d, depth-1); err != nil {
			return err
		}
	}
	_, err = token(d) // its end
	return err
}

func token(d *json.Decoder) (json.Token, error) {
	t, err := d.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("message is not JSON: %w", err)
	}
	return t, nil
}

// expected says what a type is written as.
func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct:
		return "an object"
	}
	return "a whole number"
}
