package bridge_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each line of the log above debug level stands on the page for operators, and the page has no other.
func TestTheDocumentationListsEveryLineOfTheLog(t *testing.T) {
	listed := listedLines(t)
	written := writtenLines(t)
	require.Greater(t, len(written), 40, "the lines in the code are found")
	for text, place := range written {
		assert.True(t, containsPrefixOf(listed, text), "%s: the page does not list %q", place, text)
	}
	literals := allLiterals(t)
	for _, line := range listed {
		assert.True(t, hasTextWith(literals, line), "no code writes %q", line)
	}
}

// containsPrefixOf reports whether a line of the page is the beginning of a text.
func containsPrefixOf(listed []string, text string) bool {
	for _, line := range listed {
		if strings.HasPrefix(text, line) {
			return true
		}
	}
	return false
}

func hasTextWith(literals map[string]string, prefix string) bool {
	for text := range literals {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// listedLines returns the lines of the log that the page lists.
func listedLines(t *testing.T) (lines []string) {
	t.Helper()
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n### The other lines\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	quoted := regexp.MustCompile("`([^`]+)`")
	_, table, found := strings.Cut(section, "|---|---|---|\n")
	require.True(t, found)
	rows, rest, found := strings.Cut(table, "\n\n")
	require.True(t, found)
	for row := range strings.Lines(rows) {
		first, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
		if strings.Contains(first, "a text that begins with") {
			continue
		}
		found := quoted.FindAllStringSubmatch(first, -1)
		require.NotEmpty(t, found, row)
		for _, m := range found {
			lines = append(lines, m[1])
		}
	}
	for _, m := range quoted.FindAllStringSubmatch(rest, -1) {
		lines = append(lines, m[1])
	}
	return lines
}

// eachFile calls do for each Go file of the library and of the service that is no test.
func eachFile(t *testing.T, do func(*token.FileSet, *ast.File)) {
	t.Helper()
	for _, root := range []string{".", "../cmd"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			switch name := d.Name(); {
			case d.IsDir() && (name == "demo" || name == "crowd" || name == "backstage" || name == "replaytest" || name == "testdata"):
				return filepath.SkipDir
			case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err == nil {
				do(files, file)
			}
			return err
		}))
	}
}

// writtenLines returns the texts of the lines that the code writes above debug level, each with its place. A text ends where its
// constant part does.
func writtenLines(t *testing.T) map[string]string {
	t.Helper()
	lines := map[string]string{}
	message := map[string]int{"Info": 0, "Warn": 0, "Error": 0, "warn": 0, "once": 2} // the index of the argument, by method
	eachFile(t, func(files *token.FileSet, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, isCall := n.(*ast.CallExpr)
			if !isCall {
				return true
			}
			method, isMethod := call.Fun.(*ast.SelectorExpr)
			if !isMethod {
				return true
			}
			at, known := message[method.Sel.Name]
			if !known || len(call.Args) <= at || !isLog(method.X, method.Sel.Name) {
				return true
			}
			if text, ok := literal(call.Args[at]); ok {
				lines[text] = files.Position(call.Pos()).String()
			}
			return true
		})
	})
	return lines
}

// isLog reports whether an expression is a logger by its name: log, h.log, f.Log, and h.warn and l.bounded with methods of their own.
func isLog(x ast.Expr, method string) bool {
	name := ""
	switch x := x.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	}
	switch method {
	case "once":
		return name == "warn"
	case "warn":
		return name == "bounded"
	}
	return strings.EqualFold(name, "log")
}

// literal returns a string literal, or the one with which a sum begins.
func literal(x ast.Expr) (string, bool) {
	switch x := x.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(x.Value)
		return text, err == nil && x.Kind == token.STRING
	case *ast.BinaryExpr:
		return literal(x.X)
	}
	return "", false
}

// allLiterals returns all string literals of the code.
func allLiterals(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	eachFile(t, func(files *token.FileSet, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if x, ok := n.(*ast.BasicLit); ok {
				if text, ok := literal(x); ok {
					all[text] = files.Position(x.Pos()).String()
				}
			}
			return true
		})
	})
	return all
}
