package config

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each line of the table names a key of the format. Another line would have no effect.
func TestTableOfUnsupportedKeysNamesKeysOfTheFormat(t *testing.T) {
	code, err := os.ReadFile("support.go")
	require.NoError(t, err)
	keys := regexp.MustCompile(`"((?:server|upstream|route|auth)\.[a-z_.]+)"`).FindAllStringSubmatch(string(code), -1)
	require.NotEmpty(t, keys)
	for _, key := range keys {
		key := key[1]
		_, listed := notYet(key)
		require.True(t, listed, key)
		assert.NotContains(t, problemsWith(key), "unknown key", key)
	}
	assert.Contains(t, problemsWith("route.nonsense"), "unknown key")
}

// problemsWith loads a file in which a key has no value, and returns the problems.
func problemsWith(key string) string {
	path := strings.Split(key, ".")
	switch path[0] {
	case "upstream":
		path = append([]string{"upstreams", "a"}, path[1:]...)
	case "route":
		path = append([]string{"defaults"}, path[1:]...)
	}
	file := strings.Join(path, ": {") + ": " + strings.Repeat("}", len(path)-1) + "\n"
	_, err := Parse("a.yaml", []byte(file))
	return err.Error()
}
