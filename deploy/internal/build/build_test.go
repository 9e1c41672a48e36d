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

// A release is for two operating systems, each on two processors.
func TestPlatforms(t *testing.T) {
	var names []string
	for _, p := range build.Platforms() {
		names = append(names, p.String())
	}
	assert.ElementsMatch(t, []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"}, names)
}
