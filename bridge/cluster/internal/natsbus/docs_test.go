package natsbus

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The log lines that docs/replicas.md explains are lines of the program. Each error in them is one of this package, of nats.go, or of
// the server.
func TestTheErrorsThatThePageExplainsAreErrors(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/replicas.md")
	require.NoError(t, err)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	sources := nats.ErrAuthorization.Error() + nats.ErrPermissionViolation.Error() +
		"insufficient memory resources" // of the server: see TestAReplicaWithoutNATSServesAlone in bridge/cluster/natstest
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		sources += string(text)
	}
	explained := regexp.MustCompile("(?m)^\\| … with `([^`]+)`").FindAllStringSubmatch(string(page), -1)
	assert.Len(t, explained, 5)
	for _, match := range explained {
		assert.Contains(t, strings.ToLower(sources), strings.ToLower(match[1]))
	}
	told := regexp.MustCompile("(?m)^\\| the log line `([^`]+)`").FindAllStringSubmatch(string(page), -1)
	assert.Len(t, told, 3)
	lines, err := os.ReadFile("../../../../docs/operations.md") // a test holds its lines against the program
	require.NoError(t, err)
	for _, match := range told {
		assert.Contains(t, string(lines), "| `"+match[1]+"` |")
	}
}
