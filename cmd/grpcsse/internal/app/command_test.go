package app

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheCommandIsWhatWasTyped(t *testing.T) {
	const module = "example.com/bridge"
	base := t.TempDir()
	touch := func(name, text string) string {
		path := filepath.Join(base, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
		return path
	}
	touch("clone/go.mod", "module "+module+"\n\ngo 1.26\n")
	touch("other/go.mod", "module example.com/bridge/other\n")
	byGo := touch("go-build42/b001/exe/bridge", "")
	onPath := touch("bin/bridge", "")
	t.Setenv("PATH", filepath.Join(base, "bin"))
	info := func(version string) *debug.BuildInfo {
		return &debug.BuildInfo{Path: module + "/cmd/bridge", Main: debug.Module{Path: module, Version: version}}
	}
	for _, test := range []struct {
		name, executable, folder, version, want string
	}{
		{"go run in a clone", byGo, "clone", "(devel)", "go run ./cmd/bridge"},
		{"go run beside the program's sources", byGo, "clone/cmd/bridge", "(devel)", "go run ."},
		{"go run deeper in a clone", byGo, "clone/docs", "(devel)", "go run ../cmd/bridge"},
		{"go run of a version", byGo, "other", "v1.2.3", "go run example.com/bridge/cmd/bridge@v1.2.3"},
		{"go run, the clone is elsewhere", byGo, "other", "(devel)", "go run example.com/bridge/cmd/bridge@latest"},
		{"on PATH", onPath, "clone", "v1.2.3", "bridge"},
		{"another program on PATH has the name", touch("clone/bridge", ""), "clone", "v1", "./bridge"},
		{"below the current folder", touch("clone/out/grpcsse", ""), "clone", "v1", "./out/grpcsse"},
		{"elsewhere", touch("tools/grpcsse", ""), "clone", "v1", filepath.Join(base, "tools/grpcsse")},
		{"a path that a shell would split", touch("it's mine/grpcsse", ""), "clone", "v1",
			"'" + base + `/it'\''s mine/grpcsse'`},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := filepath.Join(base, test.folder)
			require.NoError(t, os.MkdirAll(folder, 0o755))
			assert.Equal(t, test.want, commandFor(test.executable, folder, info(test.version)))
		})
	}
}
