package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// Every YAML block of the documentation is a file that the loader and the JSON Schema accept.
func TestTheDocumentationIsValid(t *testing.T) {
	dir, schema := t.TempDir(), newSchema(t)
	for _, secret := range []string{"token.txt", "admin.token", "cluster.key"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, secret), []byte("a-secret-that-is-long-enough-for-anything"), 0o600))
	}
	blocks := documented(t)
	require.GreaterOrEqual(t, len(blocks), 12)
	for _, block := range blocks {
		_, err := config.Parse(filepath.Join(dir, block.name), block.text, config.WithEnv(noEnvironment))
		assert.NoError(t, err, "%s:\n%s", block.name, block.text)
		assert.NoError(t, schema.check(t, block.text), "%s:\n%s", block.name, block.text)
	}
}

// block is a YAML block of a page of the documentation.
type block struct {
	name string
	text []byte
}

// documented returns the YAML blocks of all pages.
func documented(t *testing.T) (blocks []block) {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	fence := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for i, match := range fence.FindAllSubmatch(text, -1) {
			blocks = append(blocks, block{fmt.Sprintf("%s, block %d", filepath.Base(page), i+1), match[1]})
		}
	}
	return blocks
}

func noEnvironment(string) (string, bool) { return "", false }
