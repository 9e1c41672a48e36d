package openapi

import (
	"bytes"
	"encoding/json"
)

// schema is a JSON Schema (draft 2020-12), as OpenAPI 3.1 and 3.2 have it.
type schema struct {
	Ref              string    `json:"$ref,omitempty"`
	Title            string    `json:"title,omitempty"`
	Description      string    `json:"description,omitempty"`
	Deprecated       bool      `json:"deprecated,omitempty"`
	Type             string    `json:"type,omitempty"`
	Format           string    `json:"format,omitempty"`
	Const            any       `json:"const,omitempty"`
	Enum             []string  `json:"enum,omitempty"`
	Default          string    `json:"default,omitempty"`
	Minimum          *int      `json:"minimum,omitempty"`
	Pattern          string    `json:"pattern,omitempty"`
	MinProperties    int       `json:"minProperties,omitempty"`
	ContentEncoding  string    `json:"contentEncoding,omitempty"`
	ContentMediaType string    `json:"contentMediaType,omitempty"`
	ContentSchema    *schema   `json:"contentSchema,omitempty"`
	Items            *schema   `json:"items,omitempty"`
	Required         []string  `json:"required,omitempty"`
	Properties       members   `json:"properties,omitempty"`
	PropertyNames    *schema   `json:"propertyNames,omitempty"`
	Additional       *schema   `json:"additionalProperties,omitempty"`
	Dependent        members   `json:"dependentSchemas,omitempty"`
	AllOf            []*schema `json:"allOf,omitempty"`
	AnyOf            []*schema `json:"anyOf,omitempty"`
	OneOf            []*schema `json:"oneOf,omitempty"`
	Not              *schema   `json:"not,omitempty"`

	never bool // the schema false, which no value fits
}

// MarshalJSON implements [json.Marshaler].
func (s *schema) MarshalJSON() ([]byte, error) {
	if s.never {
		return []byte("false"), nil
	}
	type plain schema
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode((*plain)(s))
	return out.Bytes(), err
}

// members are members of an object, in an order of their own.
type members []member

type member struct {
	name   string
	schema *schema
}

// MarshalJSON implements [json.Marshaler].
func (m members) MarshalJSON() ([]byte, error) {
	return marshalObject(len(m), func(i int) (string, any) { return m[i].name, m[i].schema })
}

// marshalObject writes an object whose members keep their order.
func marshalObject(n int, member func(i int) (name string, value any)) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	out.WriteByte('{')
	for i := range n {
		name, value := member(i)
		if i > 0 {
			out.WriteByte(',')
		}
		if err := encoder.Encode(name); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := encoder.Encode(value); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// index returns where the member with a name is, or -1.
func (m members) index(name string) int {
	for i, one := range m {
		if one.name == name {
			return i
		}
	}
	return -1
}

// refTo returns a reference to a component.
func refTo(kind, name string) string { return "#/components/" + kind + "/" + name }

func schemaRef(name string) *schema { return &schema{Ref: refTo("schemas", name)} }
