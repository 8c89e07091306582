package config

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

// The decoder walks YAML's node tree itself, because a library that decodes
// into a struct stops at the first fault, and one that goes by way of maps
// forgets where each value stood.

type place struct {
	line, col int
	file      string // "" for the decoder's own
}

type decoder struct {
	file   string
	places map[string]place // where each key's value stands, by its path
	faults Faults
	// environ are the paths that the environment set.
	environ []string
}

// fault notes what is wrong with the value at a path, or with the nearest thing
// around it that has a place.
func (d *decoder) fault(path, format string, args ...any) {
	p, ok := d.places[path]
	for !ok && path != "" {
		path = path[:max(0, strings.LastIndexByte(path, '.'))]
		p, ok = d.places[path]
	}
	file := d.file
	if p.file != "" {
		file = p.file
	}
	d.faults = append(d.faults, Fault{file, p.line, p.col, fmt.Sprintf(format, args...)})
}

// set tells whether a path was given a value.
func (d *decoder) set(path string) bool {
	_, ok := d.places[path]
	return ok || slices.Contains(d.environ, path)
}

// faulty tells whether the value at a path could not be read.
func (d *decoder) faulty(path string) bool {
	p, ok := d.places[path]
	return ok && slices.ContainsFunc(d.faults, func(f Fault) bool { return f.Line == p.line && f.Col == p.col })
}

func (d *decoder) decode(b []byte, into any) {
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return // an empty file
	} else if err != nil {
		d.syntax(err)
		return
	}
	if err := dec.Decode(new(yaml.Node)); err == nil {
		d.faults = append(d.faults, Fault{File: d.file, What: "a second document follows the first"})
	}
	if len(doc.Content) == 1 && doc.Content[0].Tag != "!!null" {
		d.value("", doc.Content[0], reflect.ValueOf(into).Elem(), 0)
	}
}

// syntax gives YAML's own error a place: the library says "yaml: line 3: …".
func (d *decoder) syntax(err error) {
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
	d.faults = append(d.faults, Fault{d.file, line, 1, what})
}

const maxDepth = 20

func (d *decoder) value(path string, n *yaml.Node, v reflect.Value, depth int) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.places[path] = place{line: n.Line, col: n.Column}
	if depth > maxDepth {
		d.fault(path, "too deeply nested")
		return
	}
	kind := v.Kind()
	if unmarshaler(v) != nil {
		kind = reflect.String
	}
	switch kind {
	case reflect.Struct:
		if n.Kind != yaml.MappingNode {
			d.fault(path, "%s must be a list of key: value", label(path))
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
			d.fault(path, "%s must be a list of name: value", label(path))
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
			d.fault(path, "%s must be a list", label(path))
			return
		}
		out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
		for i, c := range n.Content {
			d.value(join(path, strconv.Itoa(i)), c, out.Index(i), depth+1)
		}
		v.Set(out)
	default:
		if n.Kind != yaml.ScalarNode {
			d.fault(path, "%s must be a single value", label(path))
			return
		}
		d.scalar(path, n.Value, v)
	}
}

func (d *decoder) mapping(path string, n *yaml.Node, depth int, find func(string) (reflect.Value, bool), known []string, done ...func(string, reflect.Value)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, c := n.Content[i], n.Content[i+1]
		at := join(path, k.Value)
		if seen[k.Value] {
			d.faults = append(d.faults, Fault{d.file, k.Line, k.Column, fmt.Sprintf("key %q is given twice", k.Value)})
			continue
		}
		seen[k.Value] = true
		e, ok := find(k.Value)
		if !ok {
			d.faults = append(d.faults, Fault{d.file, k.Line, k.Column, fmt.Sprintf("key %q is not known here (known: %s)", k.Value, strings.Join(known, ", "))})
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

func (d *decoder) scalar(path, s string, v reflect.Value) {
	if u := unmarshaler(v); u != nil {
		if err := u.UnmarshalText([]byte(s)); err != nil {
			d.fault(path, "%s %q %v", label(path), s, err)
		}
		return
	}
	switch v.Interface().(type) {
	case string:
		v.SetString(s)
	case time.Duration:
		x, err := duration(s)
		if err != nil {
			d.fault(path, "%s %q is not a duration, such as 20s", label(path), s)
			return
		}
		v.Set(reflect.ValueOf(x))
	case bool:
		x, err := strconv.ParseBool(s)
		if err != nil {
			d.fault(path, "%s %q is neither true nor false", label(path), s)
			return
		}
		v.SetBool(x)
	case int:
		x, err := strconv.Atoi(s)
		if err != nil {
			d.fault(path, "%s %q is not a whole number", label(path), s)
			return
		}
		v.SetInt(int64(x))
	default:
		panic("config: no decoding for " + v.Type().String()) // a field of a new type was added above
	}
}

// environment sets what TALLYD_… variables name: the keys of a path in capitals,
// joined by underscores.
func (d *decoder) environment(environ []string, c *Config) {
	file := d.file
	defer func() { d.file = file }()
	for _, kv := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(kv, "=")
		rest, ok := strings.CutPrefix(name, "TALLYD_")
		if !ok || rest == "REQUIRE" || rest == "RECORDINGS" || rest == "CONFIG" {
			continue
		}
		d.file = "environment"
		if !d.assign("", rest, value, reflect.ValueOf(c).Elem()) {
			d.faults = append(d.faults, Fault{File: "environment", What: fmt.Sprintf("variable %q names no key", name)})
		}
	}
}

func (d *decoder) assign(path, rest, value string, v reflect.Value) bool {
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
			if d.assign(join(path, key), strings.TrimPrefix(after, "_"), value, v.Field(i)) {
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
		return d.assign(join(path, n), after, value, v.Index(i))
	case reflect.Map:
		return false // names of queues are not for variables
	}
	if rest != "" {
		return false
	}
	delete(d.places, path)
	d.environ = append(d.environ, path)
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

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func label(path string) string {
	if path == "" {
		return "the file"
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}
