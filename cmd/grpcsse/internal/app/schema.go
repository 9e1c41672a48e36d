package app

import "github.com/grpcsse/grpcsse/bridge/config"

// schema is `grpcsse schema`: the JSON Schema of a configuration file, on standard output.
type schema struct{}

// Run implements the command.
func (schema) Run(t *terminal) error {
	_, err := t.stdout.Write(config.JSONSchema())
	return err
}
