// Package document reads documents that people write, such as the configuration: strict
// YAML, every fault at once with its place.
package document

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Place is where a value stands.
type Place struct {
	Line, Col int
	File      string // "" for the decoder's own
}

// Decoder reads a document, and keeps where each value stood: what is wrong with
// values that do not go together is told with a place too.
//
// It walks YAML's node tree itself, because a library that decodes into a struct
// stops at the first fault, and one that goes by way of maps forgets where each value
// stood.
type Decoder struct {
	File   string
	Places map[string]Place // where each key's value stands, by its path: roles.agent.0.id
	Faults Faults
	keys   map[string]Place // where the keys themselves stand
	values int
	// assigned are the paths that Assign set.
	assigned []string
}

// NewDecoder returns the decoder of a file.
func NewDecoder(file string) *Decoder {
	return &Decoder{File: file, Places: map[string]Place{}, keys: map[string]Place{}}
}

// Fault notes what is wrong with the value at a path, or with the nearest thing
// around it that has a place.
func (d *Decoder) Fault(path, format string, args ...any) {
	p, ok := d.Places[path]
	for !ok && path != "" {
		path = path[:max(0, strings.LastIndexByte(path, '.'))]
		p, ok = d.Places[path]
	}
	file := d.File
	if p.File != "" {
		file = p.File
	}
	d.Faults = append(d.Faults, Fault{file, p.Line, p.Col, fmt.Sprintf(format, args...)})
}

// FaultyKey notes what is wrong with a key itself.
func (d *Decoder) FaultyKey(path, format string, args ...any) {
	p := d.keys[path]
	d.Faults = append(d.Faults, Fault{d.File, p.Line, p.Col, fmt.Sprintf(format, args...)})
}

// Set tells whether a path was given a value.
func (d *Decoder) Set(path string) bool {
	_, ok := d.Places[path]
	return ok || slices.Contains(d.assigned, path)
}

// Faulty tells whether the value at a path could not be read.
func (d *Decoder) Faulty(path string) bool {
	p, ok := d.Places[path]
	return ok && slices.ContainsFunc(d.Faults, func(f Fault) bool { return f.Line == p.Line && f.Col == p.Col })
}

// Decode reads a document into what into points to, whose fields have the tag yaml.
func (d *Decoder) Decode(b []byte, into any) {
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return // an empty file
	} else if err != nil {
		d.syntax(err)
		return
	}
	if err := dec.Decode(new(yaml.Node)); err == nil {
		d.Faults = append(d.Faults, Fault{File: d.File, What: "a second document follows the first"})
	}
	if len(doc.Content) == 1 && doc.Content[0].Tag != "!!null" {
		d.value("", doc.Content[0], reflect.ValueOf(into).Elem(), 0)
	}
}

// syntax gives YAML's own error a place: the library says "yaml: line 3: …".
func (d *Decoder) syntax(err error) {
	what, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if rest, ok := strings.CutPrefix(what, "line "); ok {
		if n, text, ok := strings.Cut(rest, ": "); ok {
			if v, err := strconv.Atoi(n); err == nil {
				line, what = v, text
				if strings.HasPrefix(what, "did not find expected") {
					line++ // the library's parser, unlike its scanner, counts lines from 0
				}
			}
		}
	}
	d.Faults = append(d.Faults, Fault{d.File, line, 1, what})
}

const (
	maxDepth = 20
	// maxValues bounds a document, in which aliases can repeat what repeats.
	maxValues = 200_000
)

func (d *Decoder) value(path string, n *yaml.Node, v reflect.Value, depth int) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if d.values++; d.values > maxValues {
		if d.values == maxValues+1 {
			d.Faults = append(d.Faults, Fault{File: d.File, What: fmt.Sprintf("there are more than %d values", maxValues)})
		}
		return
	}
	d.Places[path] = Place{Line: n.Line, Col: n.Column}
	if depth > maxDepth {
		d.Fault(path, "too deeply nested")
		return
	}
	kind := v.Kind()
	if unmarshaler(v) != nil {
		kind = reflect.String
	}
	switch kind {
	case reflect.Struct:
		if n.Kind != yaml.MappingNode {
			d.Fault(path, "%s must be a list of key: value", Label(path))
			return
		}
		d.mapping(path, n, depth, func(key string) (reflect.Value, bool) {
			i := field(v.Type(), key)
			if i < 0 {
				return reflect.Value{}, false
			}
			return v.Field(i), true
		}, keys(v.Type()))
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			d.Fault(path, "%s must be a list of name: value", Label(path))
			return
		}
		out := reflect.MakeMap(v.Type())
		d.mapping(path, n, depth, func(key string) (reflect.Value, bool) {
			e := reflect.New(v.Type().Elem()).Elem()
			return e, true
		}, nil, func(key string, e reflect.Value) { out.SetMapIndex(reflect.ValueOf(key), e) })
		v.Set(out)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.Fault(path, "%s must be a list", Label(path))
			return
		}
		out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
		for i, c := range n.Content {
			d.value(Join(path, strconv.Itoa(i)), c, out.Index(i), depth+1)
		}
		v.Set(out)
	default:
		if n.Kind != yaml.ScalarNode {
			d.Fault(path, "%s must be a single value", Label(path))
			return
		}
		d.scalar(path, n.Value, v)
	}
}

func (d *Decoder) mapping(path string, n *yaml.Node, depth int, find func(string) (reflect.Value, bool), known []string, done ...func(string, reflect.Value)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, c := n.Content[i], n.Content[i+1]
		at := Join(path, k.Value)
		if seen[k.Value] {
			d.Faults = append(d.Faults, Fault{d.File, k.Line, k.Column, fmt.Sprintf("key %q is given twice", k.Value)})
			continue
		}
		seen[k.Value] = true
		d.keys[at] = Place{Line: k.Line, Col: k.Column}
		e, ok := find(k.Value)
		if !ok {
			d.Faults = append(d.Faults, Fault{d.File, k.Line, k.Column, fmt.Sprintf("key %q is not known here (known: %s)", k.Value, strings.Join(known, ", "))})
			continue
		}
		d.value(at, c, e, depth+1)
		for _, f := range done {
			f(k.Value, e)
		}
	}
}

// duration reads what Go reads, and whole days, such as 7d.
func duration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// unmarshaler is a value that reads its own text, nil where v does not.
func unmarshaler(v reflect.Value) encoding.TextUnmarshaler {
	u, _ := v.Addr().Interface().(encoding.TextUnmarshaler)
	return u
}

func (d *Decoder) scalar(path, s string, v reflect.Value) {
	if u := unmarshaler(v); u != nil {
		if err := u.UnmarshalText([]byte(s)); err != nil {
			d.Fault(path, "%s %q %v", Label(path), s, err)
		}
		return
	}
	switch v.Interface().(type) {
	case string:
		v.SetString(s)
	case time.Duration:
		x, err := duration(s)
		if err != nil {
			d.Fault(path, "%s %q is not a duration, such as 20s", Label(path), s)
			return
		}
		v.Set(reflect.ValueOf(x))
	case bool:
		x, err := strconv.ParseBool(s)
		if err != nil {
			d.Fault(path, "%s %q is neither true nor false", Label(path), s)
			return
		}
		v.SetBool(x)
	case int:
		x, err := strconv.Atoi(s)
		if err != nil {
			d.Fault(path, "%s %q is not a whole number", Label(path), s)
			return
		}
		v.SetInt(int64(x))
	default:
		panic("document: no decoding for " + v.Type().String()) // a field of a new type was added above
	}
}

// Assign sets the value that a name such as HTTP_LISTEN says, the keys of a path in
// capitals joined by underscores, from outside the document; false where it names
// none.
func (d *Decoder) Assign(name, value string, into any) bool {
	return d.assign("", name, value, reflect.ValueOf(into).Elem())
}

func (d *Decoder) assign(path, rest, value string, v reflect.Value) bool {
	kind := v.Kind()
	if unmarshaler(v) != nil {
		kind = reflect.String
	}
	switch kind {
	case reflect.Struct:
		t := v.Type()
		for i := range t.NumField() {
			key := t.Field(i).Tag.Get("yaml")
			after, ok := strings.CutPrefix(rest, strings.ToUpper(key))
			if !ok || after != "" && after[0] != '_' {
				continue
			}
			if d.assign(Join(path, key), strings.TrimPrefix(after, "_"), value, v.Field(i)) {
				return true
			}
		}
		return false
	case reflect.Slice:
		n, after, _ := strings.Cut(rest, "_")
		i, err := strconv.Atoi(n)
		if err != nil || i < 0 || i > v.Len() || i > 100 {
			return false
		}
		if i == v.Len() {
			v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
		}
		return d.assign(Join(path, n), after, value, v.Index(i))
	case reflect.Map:
		return false // names of queues are not for variables
	}
	if rest != "" {
		return false
	}
	delete(d.Places, path)
	d.assigned = append(d.assigned, path)
	d.scalar(path, value, v)
	return true
}

func field(t reflect.Type, key string) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") == key {
			return i
		}
	}
	return -1
}

func keys(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		out = append(out, t.Field(i).Tag.Get("yaml"))
	}
	return out
}

// Join is the path of a key below another.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// Label is what a value is called in messages.
func Label(path string) string {
	if path == "" {
		return "the file"
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}
