package openapi_test

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/openapi"
)

// described returns what a configuration, whose schemas are in files beside it, has to be described.
func described(t *testing.T, files map[string]string) openapi.API {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	cfg, err := config.Load(filepath.Join(dir, "grpcsse.yaml"))
	require.NoError(t, err)
	b, err := bridge.New(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { assert.NoError(t, b.Close()) }()
	require.NoError(t, b.Ready(t.Context()))
	api := openapi.API{Auth: &cfg.Auth, Hosts: len(cfg.Server.Hosts) > 0}
	for _, info := range b.Routes() {
		route, ok := contract.New(info)
		require.True(t, ok, "%s: %v", info.Path, info.Problem)
		api.Routes = append(api.Routes, route)
	}
	return api
}

// document is a document that is valid by kin-openapi, with the validator that kin-openapi uses.
type document struct {
	*openapi3.T

	text     string
	compiler *jsonschema.Compiler
}

// made returns the document of an API. It fails unless the document is valid, and a second one is the same.
func made(t *testing.T, api openapi.API, target openapi.Target) *document {
	t.Helper()
	api.Target = target
	text, err := openapi.Document(api)
	require.NoError(t, err)
	again, err := openapi.Document(api)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
	assert.True(t, openapi.IsMade(text))
	doc, err := openapi3.NewLoader().LoadFromData(text)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context(), openapi3.EnableSchemaPatternValidation()), "%s", text)
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource(place, parsed))
	return &document{doc, string(text), compiler}
}

// place is the URL by which the validator knows the document.
const place = "test:///openapi.json"

// schema returns the schema at the end of a way through the document.
func (d *document) schema(t *testing.T, way ...string) *jsonschema.Schema {
	t.Helper()
	pointer := "#"
	for _, step := range way {
		pointer += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(step))
	}
	schema, err := d.compiler.Compile(place + pointer)
	require.NoError(t, err)
	return schema
}

// data returns the schema of the data of the events that a path has for GET, in OpenAPI 3.1.
func (d *document) data(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	return d.schema(t, "paths", path, "get", "responses", "200", "content", "text/event-stream", "schema")
}

// fits returns why a JSON text does not fit a schema, nil where it does.
func fits(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err, "%s", text)
	return schema.Validate(value)
}
