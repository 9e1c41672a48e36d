package build_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/deploy/internal/build"
)

func TestParsePlatform(t *testing.T) {
	for _, p := range build.Platforms() {
		parsed, err := build.ParsePlatform(p.String())
		require.NoError(t, err)
		assert.Equal(t, p, parsed)
	}
	_, err := build.ParsePlatform("windows/amd64")
	require.ErrorContains(t, err, "linux/amd64")
}
