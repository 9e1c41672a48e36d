package config

import (
	"slices"
	"strings"
	"sync"
)

// field is a key of a section. Everything that is known of a key stands here: how its value is read, how it is written
// back, and what the JSON Schema says of it. The fields of all sections are one tree, whose root is [decoder.fileKeys].
type field struct {
	key string
	// name is the key with the sections around it, such as "route.event.retry". Only sections have one.
	name string
	// about is the description in the schema.
	about string
	// example shows a mapping or a list, and is "" for any other value. A key with an example counts as left out without a value.
	example string
	// form describes the value in JSON Schema, beside the mapping that inside describes. It may be nil beside inside or each.
	form form
	// rule says what the keys inside demand of each other, in JSON Schema. It joins the description of the mapping.
	rule form
	// required is true for a key without which its section is refused.
	required bool
	// mainOnly is true for a key that an included file can't have.
	mainOnly bool

	decode func(*node)
	// write adds the key to the mapping around it, with the value in the Go structs. It adds nothing for a value that stands for a
	// key left out.
	write func(w treeWriter, around *node)

	// inside returns the keys of a section with a fixed set of them.
	inside func() []field
	// each describes every entry of a list of sections, or of a mapping with names that the user chooses.
	each *field
}

// key returns the field of a value of one format, which is stored in target.
func key[T any](name, about string, target *T, f format[T]) field {
	return field{
		key: name, about: about, example: f.example, form: f.form,
		decode: into(target, f.read),
		write: func(_ treeWriter, around *node) {
			if n := f.write(*target); n != nil {
				around.set(name, n)
			}
		},
	}
}

// custom returns a field with its own functions to read and to write the value.
func custom(name, about string, form form, decode func(*node), write func(w treeWriter, around *node)) field {
	return field{key: name, about: about, form: form, decode: decode, write: write}
}

// unwritten writes nothing. It is for keys that no Go struct has, and for keys that are written elsewhere.
func unwritten(treeWriter, *node) {}

// section returns the field of a section with a fixed set of keys. The name is the one that [decoder.fields] takes.
func (d *decoder) section(name, about, example string, inside func() []field) field {
	key := name[strings.LastIndexByte(name, '.')+1:]
	return field{
		key: key, name: name, about: about, example: example, inside: inside,
		decode: func(n *node) { d.fields(n, name, inside()) },
		write:  func(w treeWriter, around *node) { w.fields(around.section(key), inside()) },
	}
}

// optional returns the field of a section that is nil where it is left out. A schema has the defaults of a fresh one.
func optional[T any](d *decoder, name, about, example string, target **T, fresh func() *T, inside func(*T) []field) field {
	f := d.section(name, about, example, func() []field { return inside(fresh()) })
	f.decode = func(n *node) {
		*target = fresh()
		d.fields(n, name, inside(*target))
	}
	f.write = func(w treeWriter, around *node) {
		if *target != nil {
			w.fields(around.section(f.key), inside(*target))
		}
	}
	return f
}

// reading returns the field with another way to read it.
func (f field) reading(decode func(*node)) field {
	f.decode = decode
	return f
}

// writing returns the field with another way to write it.
func (f field) writing(write func(w treeWriter, around *node)) field {
	f.write = write
	return f
}

// or returns the field of a section whose value may have another form too.
func (f field) or(form form) field {
	f.form = form
	return f
}

// demanding returns the field with a rule.
func (f field) demanding(rule form) field {
	f.rule = rule
	return f
}

// shownAs returns the field of a mapping or a list with an example.
func (f field) shownAs(example string) field {
	f.example = example
	return f
}

// needed returns the field as one that its section needs.
func (f field) needed() field {
	f.required = true
	return f
}

// inMain returns the field as one that an included file can't have.
func (f field) inMain() field {
	f.mainOnly = true
	return f
}

// eachField calls visit for the given fields of a section and all fields inside them, with their names. Keys that stand in two
// places, such as those of a route, which `defaults` has too, are visited once.
func eachField(section string, fields []field, visit func(name string, f field)) {
	for _, f := range fields {
		name := joinPath(section, f.key)
		visit(name, f)
		if f.each != nil {
			name, f = f.each.name, *f.each
			visit(name, f)
		}
		if f.inside != nil {
			eachField(name, f.inside(), visit)
		}
	}
}

// everyKey returns the whole tree of keys. The values are the defaults.
func everyKey() []field {
	d := &decoder{collector: &collector{}}
	server := defaultServer()
	return d.fileKeys(&server, &Auth{}, new(*node), new(*node))
}

// sectionExamples has the examples of all mappings and lists, and is filled when the first one is asked for.
var sectionExamples struct {
	once  sync.Once
	byKey map[string]string
}

// sectionExample returns the example of a key whose value is a mapping or a list, and "" for any other key. The key has the name
// that [decoder.fields] takes.
func sectionExample(key string) string {
	sectionExamples.once.Do(func() {
		sectionExamples.byKey = make(map[string]string)
		eachField("", everyKey(), func(name string, f field) {
			if f.example != "" {
				sectionExamples.byKey[name] = f.example
			}
		})
	})
	return sectionExamples.byKey[key]
}

// onlyMain returns the names of the fields that an included file can't have, and the other fields.
func onlyMain(fields []field) (names []string, rest []field) {
	for _, f := range fields {
		if f.mainOnly {
			names = append(names, f.key)
		}
	}
	return names, slices.DeleteFunc(fields, func(f field) bool { return f.mainOnly })
}
