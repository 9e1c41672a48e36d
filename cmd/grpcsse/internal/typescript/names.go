package typescript

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/grpcsse/grpcsse/bridge/describe"
)

// knownTypes are the well-known types that become a type with a name.
func knownTypes() map[describe.Kind]protoreflect.FullName {
	return map[describe.Kind]protoreflect.FullName{
		describe.Timestamp: "google.protobuf.Timestamp", describe.Duration: "google.protobuf.Duration",
		describe.FieldMask: "google.protobuf.FieldMask", describe.Struct: "google.protobuf.Struct",
		describe.Value: "google.protobuf.Value", describe.ListValue: "google.protobuf.ListValue", describe.Any: "google.protobuf.Any",
	}
}

// name names all types: QuoteJson, Outer_InnerJson. Types of several packages that would have the same name have the package in it,
// too: shop_v1_QuoteJson.
func (t *types) name() {
	packages := map[typeKey]protoreflect.FullName{}
	for _, f := range append(t.forms, t.input) {
		for _, o := range f.shapes.Objects() {
			packages[typeKey{o.Name, f.suffix}] = packageOf(o.Descriptor)
		}
	}
	for key, e := range t.enums {
		packages[key] = packageOf(e.Descriptor)
	}
	for kind := range t.kinds {
		packages[typeKey{knownTypes()[kind], "Json"}] = "google.protobuf"
	}
	short := map[string]map[protoreflect.FullName]bool{}
	for key, in := range packages {
		name := shortName(key, in)
		if short[name] == nil {
			short[name] = map[protoreflect.FullName]bool{}
		}
		short[name][key.full] = true
	}
	t.names = map[typeKey]string{}
	taken := map[string]bool{}
	for _, key := range sortedKeys(packages) {
		name := shortName(key, packages[key])
		if len(short[name]) > 1 {
			name = identifierOf(string(key.full))
		}
		name += key.suffix
		for unique := name; ; unique = fmt.Sprintf("%s_%d", name, len(taken)) {
			if !taken[unique] {
				t.names[key], taken[unique] = unique, true
				break
			}
		}
	}
}

func sortedKeys[V any](m map[typeKey]V) []typeKey {
	keys := make([]typeKey, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b typeKey) int {
		return strings.Compare(string(a.full)+" "+a.suffix, string(b.full)+" "+b.suffix)
	})
	return keys
}

func packageOf(d protoreflect.Descriptor) protoreflect.FullName {
	if d.ParentFile() == nil {
		return ""
	}
	return d.ParentFile().Package()
}

// shortName returns the name of a type without the package and the suffix.
func shortName(key typeKey, in protoreflect.FullName) string {
	name := string(key.full)
	if in != "" {
		name = strings.TrimPrefix(name, string(in)+".")
	}
	return identifierOf(name)
}

var notInIdentifiers = regexp.MustCompile(`[^A-Za-z0-9_]`)

// identifierOf returns a name in which no character means anything to TypeScript.
func identifierOf(name string) string { return notInIdentifiers.ReplaceAllString(name, "_") }
