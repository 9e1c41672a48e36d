package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// Every YAML block of the documentation is a file that the bridge takes.
func TestTheDocumentationIsValid(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	fence := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	dir, blocks := t.TempDir(), 0
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token.txt"), []byte("secret"), 0o600))
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, match := range fence.FindAllSubmatch(text, -1) {
			blocks++
			_, err := config.Parse(filepath.Join(dir, filepath.Base(page)), match[1], config.WithEnv(noEnvironment))
			require.NoError(t, err, "a block of %s:\n%s", page, match[1])
		}
	}
	require.GreaterOrEqual(t, blocks, 6)
}

func noEnvironment(string) (string, bool) { return "", false }
