// Package schema describes the messages of every way in and out by JSON Schema,
// from the types that the program reads and writes.
package schema

import (
	"encoding/json"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"tallyd/connectors/api"
	"tallyd/rules"
)

// Registry gathers schemas that refer to each other under a prefix, such as
// "#/components/schemas/".
func Registry(prefix string) huma.Registry {
	r := huma.NewMapRegistry(prefix, name)
	r.RegisterTypeAlias(reflect.TypeFor[api.Moment](), reflect.TypeFor[moment]())
	return r
}

// name tells what is exported for scoring from what was told: a fact, and its parts.
func name(t reflect.Type, hint string) string {
	n := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if factPackage := reflect.TypeFor[rules.Fact]().PkgPath(); t.PkgPath() == factPackage && slices.Contains([]string{"Fact", "Survey", "Form", "Section", "Training"}, t.Name()) {
		return "Exported" + n
	}
	return n
}

// moment is what api.Moment is written as.
type moment struct{}

// Schema implements huma.SchemaProvider.
func (moment) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true, Description: "a moment, UTC; null for none",
		Examples: []any{time.Date(2026, 10, 1, 9, 6, 49, 950e6, time.UTC).Format("2006-01-02T15:04:05.000Z")}}
}

// Open lets what is described have more fields than that: they may be added within a
// version. What is asked is read strictly all the same.
func Open(r huma.Registry) {
	for _, s := range r.Map() {
		if s.AdditionalProperties == false {
			s.AdditionalProperties = nil
		}
	}
}

// Of is the schema of a value's type, whole in itself.
func Of(v any) string {
	const prefix = "#/$defs/"
	r := Registry(prefix)
	top := r.Schema(reflect.TypeOf(v), true, "")
	b, err := json.Marshal(struct {
		Dialect string                  `json:"$schema"`
		Ref     string                  `json:"$ref"`
		Defs    map[string]*huma.Schema `json:"$defs"`
	}{"https://json-schema.org/draft/2020-12/schema", top.Ref, r.Map()})
	if err != nil {
		panic(err) // a type that cannot be described
	}
	return string(b)
}
