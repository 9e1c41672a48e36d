package bridge_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// A problem shows the reference that stands in the file, and not the value that the environment gave for it: also where a path, a
// name or a URL goes through the whole bridge before it turns out to be wrong.
func TestNoProblemShowsAValueOfTheEnvironment(t *testing.T) {
	const value = "hunter2"
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	f := startFront(t, s, fileOf("path: /a, open_wait: 1ms"))
	route := func(key string) string { return fileOf("path: /a, " + key) }
	upstream := func(key string) string { return strings.Replace(fileOf("path: /a"), "ADDR}", "ADDR, "+key+"}", 1) }
	auth := func(key string) string {
		return fileOf("path: /a") + "auth: {jwt: {corp: {audience: [web], " + key + "}}}\n"
	}
	for name, text := range map[string]string{
		"target":          strings.Replace(fileOf("path: /a, upstream: test"), "ADDR", "'unknown-${env.S}:///a:1'", 1),
		"ca_file":         upstream("tls: {ca_file: '${env.S}'}"),
		"cert_file":       upstream("tls: {cert_file: '/${env.S}/a', key_file: b}"),
		"key_file":        upstream("tls: {cert_file: a, key_file: '${env.S}'}"),
		"descriptor_set":  upstream("schema: {descriptor_set: '../${env.S}'}"),
		"proto file":      upstream("schema: {proto: {files: ['${env.S}'], import_paths: [.]}}"),
		"proto pattern":   upstream("schema: {proto: {files: ['**/${env.S}'], import_paths: [testdata]}}"),
		"import path":     upstream("schema: {proto: {files: ['**/a'], import_paths: ['testdata/${env.S}']}}"),
		"metadata file":   upstream("metadata: {authorization_file: '${env.S}'}"),
		"event.id":        route("event: {id: '${env.S}'}"),
		"event.name":      route("event: {name: '${env.S}'}"),
		"event.data":      route("event: {data: '${env.S}'}"),
		"request.query":   route("request: {query: ['${env.S}']}"),
		"request.set":     route("request: {set: {sequence: '${env.S}'}}"),
		"a quoted set":    route("request: {set: {after_sequence: \"${env.Q}\"}}"),
		"share.latest_by": route("share: {late_join: {latest_by: '${env.S}'}}"),
		"body":            route("methods: [POST], body: '${env.S}'"),
		"rpc":             strings.Replace(fileOf("path: /a"), "rpc: test.stream.v1.StreamService/Watch", "rpc: 'test.stream.v1.StreamService/${env.S}'", 1),
		"path":            fileOf("path: '/{${env.S}'"),
		"a path variable": fileOf("path: '/{${env.S}}'"),
		"issuer":          auth("issuer: 'http://127.0.0.1:1/${env.S}'"),
		"jwks_url":        auth("jwks_url: 'http://127.0.0.1:1/${env.S}'"),
		"jwks_file":       auth("jwks_file: '${env.S}'"),
	} {
		env := config.WithEnv(func(name string) (string, bool) {
			return map[string]string{"S": value, "Q": value + "\"\t" + value}[name], true
		})
		cfg, err := read(t, strings.ReplaceAll(text, "ADDR", s.addr), env)
		if err == nil {
			err = f.bridge.Reload(t.Context(), cfg)
		}
		problems := f.bridge.Problems()
		if err == nil {
			require.NotEmpty(t, problems, name)
			err = problems
		}
		require.ErrorContains(t, err, "grpcsse.yaml:", name)
		assert.NotContains(t, err.Error(), value, name)
		f.reload(t, s, fileOf("path: /a, open_wait: 1ms"))
	}
}
