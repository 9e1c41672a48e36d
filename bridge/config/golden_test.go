package config_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// secret is the value of each variable in the environment of the golden files. None of the files may contain it.
const secret = "hunter2"

func testEnv(name string) (string, bool) {
	values := map[string]string{"SECRET": secret, "WORD": secret, "PORT": "9000", "EMPTY": ""}
	value, set := values[name]
	return value, set
}

// problemsOf returns what is wrong with a file, warnings included.
func problemsOf(t *testing.T, path string) config.Problems {
	t.Helper()
	cfg, err := config.Load(path, config.WithEnv(testEnv))
	if err == nil {
		return cfg.Warnings
	}
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	return problems
}

// Every file under testdata/problems breaks one rule. A second file has the text that `check` prints for the first one.
func TestProblems(t *testing.T) {
	t.Chdir(filepath.Join("testdata", "problems"))
	files, err := filepath.Glob("*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".yaml"), func(t *testing.T) {
			problems := problemsOf(t, file)
			require.NotEmpty(t, problems, "the file breaks a rule")
			var rendered bytes.Buffer
			problems.Render(&rendered)

			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				require.NoError(t, os.WriteFile(golden, rendered.Bytes(), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "run the test with -update to write it")
			assert.Equal(t, string(want), rendered.String())
			assert.NotContains(t, rendered.String(), secret)
		})
	}
}
