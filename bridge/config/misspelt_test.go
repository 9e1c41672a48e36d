package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// A required key with a misspelt name is one mistake. The loader does not also report that the key is missing.
func TestAMisspeltKeyIsOneProblem(t *testing.T) {
	const file = "upstreams: {a: {TARGET: 'localhost:1', schema: {proto: {FILES: [a.proto]}}}}\n" +
		"routes: [{PATH: /a, RPC: a.B/C, event: {name: {CONST: x}}, share: {LATE_JOIN: {LATEST_BY: b}}}]"
	right := []string{"TARGET", "target", "FILES", "files", "PATH", "path", "RPC", "rpc", "CONST", "const", "LATE_JOIN", "late_join", "LATEST_BY", "latest_by"}
	for key, words := range map[string][]string{
		"target":    {"targets", "taget", "target_address", "targ"},
		"files":     {"file", "fils", "files_to_compile"},
		"path":      {"paths", "pth", "path_template", "pat"},
		"rpc":       {"rcp", "rpcs", "rpc_method"},
		"const":     {"constant", "cons", "value", "x"},
		"late_join": {"late", "late_joiners", "latejoin"},
		"latest_by": {"latest", "latestby", "latest_by_field"},
	} {
		for _, word := range words {
			text := strings.NewReplacer(right...).Replace(strings.Replace(file, strings.ToUpper(key), word, 1))
			_, err := config.Parse("grpcsse.yaml", []byte(text))
			var problems config.Problems
			require.ErrorAs(t, err, &problems, text)
			if assert.Len(t, problems, 1, text) {
				assert.Equal(t, "did you mean `"+key+"`?", problems[0].Hint, text)
			}
		}
	}
}

func TestAnUnknownKeyBesideARequiredKey(t *testing.T) {
	_, err := config.Parse("grpcsse.yaml", []byte(
		"upstreams: {a: {target: 'localhost:1'}}\nroutes: [{path: /a, rpc: a.B/C, event: {name: {const: x, other: y}}}]"))
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 1)
	assert.Equal(t, "known keys here: const", problems[0].Hint)
}
