package config

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var jsonSchema []byte

// JSONSchema returns the JSON Schema (draft-07) of a configuration file, with a description of each key and its default. An
// editor that has it completes keys and marks mistakes. It says of a file what can be said without reading other files, the
// environment or a gRPC server; a file that it accepts may still be refused by [Parse]. The caller may change what is returned.
func JSONSchema() []byte { return slices.Clone(jsonSchema) }
