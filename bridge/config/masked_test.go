package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func masked(t *testing.T, cfg *config.Config) string {
	t.Helper()
	text, err := cfg.Masked()
	require.NoError(t, err)
	return string(text)
}

// enough is how many values of a key are tried.
const enough = 6

// What is shown does not depend on what the environment gives. So each key is tried with several values that come from there.
func TestTheEnvironmentHasNoPartInTheMaskedConfiguration(t *testing.T) {
	shown := map[string]map[string]string{} // by key, and by the masked text: a value that gives it
	compared, ofKey := 0, map[string]int{}
	for _, trial := range trials() {
		value := strings.Trim(trial.value, `"'`)
		if trial.err != nil || value == "" || strings.ContainsAny(value, "{}[]$!&~\\\n") {
			continue
		}
		if hasKeys(trial.key) || trial.key == "include" {
			continue
		}
		if strings.HasPrefix(trial.key, "defaults.") || ofKey[trial.key] == enough {
			continue // `defaults` are masked as a route
		}
		file := fileWith(trial.key, `"${env.SECRET}"`)
		cfg, err := config.Parse(trialFile, []byte(file), config.WithEnv(func(string) (string, bool) { return value, true }))
		if err != nil {
			continue // a list, or null, which text cannot stand for
		}
		if shown[trial.key] == nil {
			shown[trial.key] = map[string]string{}
		}
		shown[trial.key][masked(t, cfg)] = value
		compared, ofKey[trial.key] = compared+1, ofKey[trial.key]+1
	}
	for key, texts := range shown {
		assert.Len(t, texts, 1, "the configuration with %s differs", key)
	}
	assert.Greater(t, len(shown), 45)
	assert.Greater(t, compared, 150)
}

// What the environment gives to a part of a list, a mapping or a setting is masked too.
func TestSecretsInsideOfValuesAreMasked(t *testing.T) {
	const upstreams = "upstreams: {a: {target: b, metadata: {x-plain: hunter2, x-env: '${env.SECRET}', x-key_file: key}}}\n"
	for name, lines := range map[string]string{
		"an element":           "server: {hosts: [a.example, '${env.SECRET}']}\nroutes: [{path: /a, rpc: a.B/C}]",
		"a setting":            "routes: [{path: /a, rpc: a.B/C, request: {set: {x: 'a${env.SECRET}'}}}]",
		"a list in a setting":  "routes: [{path: /a, rpc: a.B/C, request: {set: {x: [a, {b: '${env.SECRET}'}]}}}]",
		"a member":             "routes: [{path: /a, rpc: a.B/C, request: {set: {x: {y: {z: '${env.SECRET}'}}}}}]",
		"defaults":             "defaults: {request: {set: {x: '${env.SECRET}'}}}\nroutes: [{path: /a, rpc: a.B/C}]",
		"a path, and its name": "routes: [{path: '/${env.SECRET}', rpc: a.B/C}]",
		"a reference's side":   "routes: [{path: '/a', rpc: a.B/C, request: {set: {x: '${query.a}${env.SECRET}'}}}]",
		"metadata": "routes: [{path: /a, rpc: a.B/C, metadata: {set: {x-a: hunter2, x-b: '${env.SECRET}', x-c: 'a${header.x}', " +
			"x-d_file: key}}}]",
		"metadata of defaults": "defaults: {metadata: {set: {x-a: hunter2, x-d_file: key}}}\nroutes: [{path: /a, rpc: a.B/C}]",
		"a status":             "routes: [{path: /a, rpc: a.B/C, event: {name: {const: 'x${env.SECRET}'}}}]",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), []byte("hunter2\n"), 0o600))
		cfg, err := config.Parse(filepath.Join(dir, "a.yaml"), []byte(upstreams+lines), config.WithEnv(testEnv))
		require.NoError(t, err, name)
		text := masked(t, cfg)
		assert.NotContains(t, text, secret, name)
		assert.Contains(t, text, "x-key_file: '***'\n", name)
		assert.Contains(t, text, "x-plain: '***'\n", name)
	}
}

// No key that names a file shows what is in the file. A new key of this kind is found by its name.
func TestTheContentsOfFilesAreNotShown(t *testing.T) {
	dir := t.TempDir()
	const content = "correct-horse-battery-staple-0123456789"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), []byte(content), 0o600))
	var files []string
	for _, key := range config.KeyNames() {
		if strings.HasSuffix(key, "_file") && withoutField(key) == "" {
			files = append(files, key)
		}
	}
	assert.Contains(t, files, "server.admin.token_file")
	files = append(files, "upstream.metadata.x-a_file", "route.metadata.set.x-a_file", "route.metadata.set.x-a-bin_file")
	for _, key := range files {
		file := strings.ReplaceAll(fileWith(key, "key"), "{market: {target: a}}", "{market: {target: a, annotations: true}}")
		file = strings.ReplaceAll(file, trialSecret, "key")
		cfg, err := config.Parse(filepath.Join(dir, "a.yaml"), []byte(file), config.WithEnv(noEnvironment))
		if err != nil && strings.Contains(key, "-bin") {
			continue // the content is no base64
		}
		require.NoError(t, err, "the file of %s may need another content: %s", key, file)
		assert.NotContains(t, masked(t, cfg), content, key)
	}
}

// Every key below a `metadata` that has a value of its own is masked: with a value of the file, too.
func TestEveryKeyUnderMetadataIsMasked(t *testing.T) {
	names := map[string]string{ // how a value stands in a key
		"upstream.metadata": "{x-a: hunter2}", "route.metadata.set": "{x-a: hunter2}",
		"route.metadata.forward": "", "route.metadata.expose": "", "route.metadata": "", // names only
	}
	for _, key := range config.KeyNames() {
		if !strings.Contains(key, ".metadata") {
			continue
		}
		value, known := names[key]
		require.True(t, known, "say whether %s is masked", key)
		if value == "" {
			continue
		}
		cfg, err := config.Parse("a.yaml", []byte(fileWith(key, value)))
		require.NoError(t, err)
		assert.NotContains(t, masked(t, cfg), "hunter2", key)
		assert.Contains(t, masked(t, cfg), "x-a: '***'", key)
	}
}

func TestTheSecretsInAURLAreMasked(t *testing.T) {
	file := "upstreams: {a: {target: b}}\nroutes:\n" +
		"  - {path: /a, rpc: a.B/C, request: {set: {u: 'https://me:hunter2@host/p?q=a@b'}}}\n"
	cfg, err := config.Parse("a.yaml", []byte(file))
	require.NoError(t, err)
	text := masked(t, cfg)
	assert.NotContains(t, text, "hunter2")
	assert.Contains(t, text, "https://***@host/p?***")
	assert.NotContains(t, text, "a@b")
}

// Where nothing is masked, the text loads to the same configuration. So it shows every key.
func TestTheMaskedConfigurationIsAFile(t *testing.T) {
	read, ofKey := 0, map[string]int{}
	for _, trial := range trials() {
		if trial.err != nil || len(trial.cfg.Routes) == 0 || strings.Contains(trial.value, "${env") || ofKey[trial.key] == enough {
			continue
		}
		ofKey[trial.key]++
		text := masked(t, trial.cfg)
		again, err := config.Parse("a.yaml", []byte(text), config.WithEnv(noEnvironment))
		require.NoError(t, err, "%s\n%s", trial.file, text)
		lost := map[string]bool{}
		differences(trial.cfg, again, lost)
		for name := range lost {
			assert.Contains(t, name, "Metadata", "%s: %s\n%s", name, trial.file, text)
		}
		read++
	}
	require.Greater(t, read, 200)
	for _, name := range []string{"supported.yaml", "shared.yaml"} {
		t.Run(name, func(t *testing.T) {
			cfg := load(t, name)
			text := masked(t, cfg)
			assert.NotContains(t, text, secret)
			assert.Equal(t, text, masked(t, cfg), "the text does not change")
		})
	}
}

// A configuration that Go code has made is shown as well.
func TestAConfigurationWithoutAFileIsShown(t *testing.T) {
	cfg := config.ForUpstream("localhost:50051")
	cfg.Upstreams[0].Metadata = map[string]string{"authorization": "Bearer hunter2"}
	route := config.NewRoute("/a")
	route.Metadata.Set = []config.MetadataSetting{{Name: "x-a", Value: config.Literal("hunter2")}}
	cfg.Routes = append(cfg.Routes, route)
	text := masked(t, cfg)
	assert.NotContains(t, text, "hunter2")
	for _, want := range []string{
		"target: localhost:50051", "authorization: '***'", "path: /a", "x-a: '***'", "listen: 127.0.0.1:8080",
	} {
		assert.Contains(t, text, want)
	}
}
