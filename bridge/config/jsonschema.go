package config

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var jsonSchema []byte

// JSONSchema returns the JSON Schema (draft-07) of a configuration file, with a description of each key and its default. Editors
// complete keys and mark mistakes with it. A schema can't see other files, the environment or a gRPC server, so [Parse] may refuse
// a file that the schema accepts. The caller owns the returned bytes.
func JSONSchema() []byte { return slices.Clone(jsonSchema) }
