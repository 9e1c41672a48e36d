package bridge_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The greatest number of lines, with comments. Tests have no such limits.
const (
	mostFileLines     = 400
	mostFunctionLines = 60
	mostFacadeLines   = 1600
	mostRoomFiles     = 12
)

// smallRooms are the rooms that a request passes. Each of them must have few files.
func smallRooms() []string {
	return []string{
		"bridge", "bridge/internal/catalog", "bridge/internal/ending", "bridge/internal/reading", "bridge/internal/request",
		"bridge/internal/route", "bridge/internal/serve", "bridge/internal/source", "bridge/internal/stream",
	}
}

func TestFilesFunctionsAndRoomsAreSmall(t *testing.T) {
	files, lines := map[string]int{}, map[string]int{}
	for name, content := range productionFiles(t) {
		n := bytes.Count(content, []byte("\n"))
		files[path.Dir(name)]++
		lines[path.Dir(name)] += n
		assert.LessOrEqual(t, n, mostFileLines, "lines of %s: the file has more than one concept", name)
		for function, n := range functionLines(t, name, content) {
			assert.LessOrEqual(t, n, mostFunctionLines, "lines of %s in %s", function, name)
		}
	}
	for _, room := range smallRooms() {
		assert.Positive(t, files[room], "%s does not exist any more: remove it from smallRooms", room)
		assert.LessOrEqual(t, files[room], mostRoomFiles, "files of %s", room)
	}
	assert.LessOrEqual(t, lines["bridge"], mostFacadeLines, "lines of package bridge, which is a facade")
}

// productionFiles returns the Go files of the library and the program without the tests, by their paths in the repository.
func productionFiles(t *testing.T) map[string][]byte {
	t.Helper()
	root, err := os.OpenRoot("..")
	require.NoError(t, err)
	found := map[string][]byte{}
	for _, top := range []string{"bridge", "cmd"} {
		require.NoError(t, fs.WalkDir(root.FS(), top, func(name string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
				found[name], err = root.ReadFile(name)
			}
			return err
		}))
	}
	require.NoError(t, root.Close())
	require.Greater(t, len(found), 100, "the files of the module")
	return found
}

// functionLines counts the lines of each function of a file.
func functionLines(t *testing.T, name string, content []byte) map[string]int {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, content, parser.SkipObjectResolution)
	require.NoError(t, err)
	lines := map[string]int{}
	for _, declaration := range file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok {
			n := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1
			lines[f.Name.Name] = max(n, lines[f.Name.Name])
		}
	}
	return lines
}
