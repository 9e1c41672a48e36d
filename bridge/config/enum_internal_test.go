package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each word that a file may have is an exported constant, and each exported constant is such a word.
func TestTheWordsOfAFileAreTheConstants(t *testing.T) {
	words := map[string][]string{
		"Balance":      texted(balances()),
		"OnEnd":        texted(onEnds()),
		"OpenErrors":   texted(openErrors()),
		"SlowClient":   texted(slowClients()),
		"LateJoinMode": append(texted(lateJoinWords()), lateJoinKeyNames()...),
		"Verdict":      texted(verdicts()),
		"IOUring":      texted(ioUrings()),
		"StatusCode":   texted(statusCodes()),
		"Algorithm":    texted(algorithms()),
		"TokenPlace":   texted([]TokenPlace{InHeader, InCookie, InQuery}),
	}
	assert.Equal(t, constants(t, "enum.go"), words)
}

// lateJoinKeyNames returns the modes that are keys of a mapping in the file.
func lateJoinKeyNames() (names []string) {
	for _, f := range new(decoder).lateJoinKeys(new(string), new(int)) {
		if LateJoinMode(f.key).needsField() {
			names = append(names, f.key)
		}
	}
	return names
}

// constants returns the values of the typed constants of a file, by the name of the type, in the order of the file.
func constants(t *testing.T, file string) map[string][]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	values := make(map[string][]string)
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		assert.True(t, spec.Names[0].IsExported(), spec.Names[0].Name)
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		name := spec.Type.(*ast.Ident).Name
		values[name] = append(values[name], value)
		return true
	})
	return values
}

func texted[T ~string](words []T) (texts []string) {
	for _, word := range words {
		texts = append(texts, string(word))
	}
	return texts
}
