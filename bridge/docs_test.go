package bridge_test

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The table of packages in docs/architecture.md has the same imports as imports_test.go.
func TestTheArchitecturePageShowsEveryRoomAndItsImports(t *testing.T) {
	shown := roomTable(t)
	var order []string
	for _, row := range shown {
		order = append(order, row.path)
	}
	for _, r := range house() {
		if isRoom(r.path) {
			assert.Contains(t, order, r.path, "the table of rooms lacks %s", r.path)
		}
	}
	entries, err := os.ReadDir("internal")
	require.NoError(t, err)
	for _, entry := range entries {
		assert.Contains(t, order, "bridge/internal/"+entry.Name(), "the table of rooms lacks %s", entry.Name())
	}
	for i, row := range shown {
		assert.ElementsMatch(t, importsOfRoom(row.path), row.imports, "the imports of %s in the table", row.path)
		for _, below := range row.imports {
			assert.Greater(t, slices.Index(order, below), i, "%s imports %s, which has an earlier row in the table", row.path, below)
		}
	}
}

// Each arrow between two names on a line of the picture is an allowed import.
func TestThePictureOfRoomsHasNoArrowThatIsNotAllowed(t *testing.T) {
	_, picture, found := strings.Cut(readPage(t, architecturePage), "\n```\n cmd/grpcsse")
	require.True(t, found, "the page has a picture of rooms")
	picture, _, _ = strings.Cut(picture, "```")
	arrows := 0
	for line := range strings.Lines(picture) {
		words := strings.Fields(line)
		for i := 0; i+2 < len(words); i++ {
			from, arrow, to := words[i], words[i+1], words[i+2]
			if strings.Trim(arrow, "─") != "►" || !isRoom(roomPath(from)) || allowed(roomPath(from)) == nil {
				continue
			}
			arrows++
			assert.Contains(t, importsOfRoom(roomPath(from)), roomPath(to), "the picture has %s → %s", from, to)
		}
	}
	assert.GreaterOrEqual(t, arrows, 6)
}

// isRoom reports whether a package has a row in the table: bridge, its public packages, and the packages directly in
// bridge/internal.
func isRoom(name string) bool {
	inside, internal := strings.CutPrefix(name, "bridge/internal/")
	if !internal {
		inside, _ = strings.CutPrefix(name, "bridge/")
	}
	return strings.HasPrefix(name, "bridge") && !strings.Contains(inside, "/")
}

// importsOfRoom returns the rooms that a room may import.
func importsOfRoom(name string) (rooms []string) {
	for _, rule := range allowed(name) {
		if isRoom(rule) {
			rooms = append(rooms, rule)
		}
	}
	return rooms
}

// roomTable returns the rows of the table of rooms.
func roomTable(t *testing.T) (rows []room) {
	t.Helper()
	_, table, found := strings.Cut(readPage(t, architecturePage), "| room | does | imports |\n|---|---|---|\n")
	require.True(t, found, "the page has a table of rooms")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		require.Len(t, cells, 3, line)
		name := quoted(cells[0])
		require.Len(t, name, 1, line)
		row := room{path: roomPath(name[0])}
		for _, name := range quoted(cells[2]) {
			row.imports = append(row.imports, roomPath(name))
		}
		rows = append(rows, row)
	}
	return rows
}

// roomPath returns the package of a room by its short name.
func roomPath(name string) string {
	switch name {
	case "bridge":
		return "bridge"
	case "bridge/cluster": // bridge/internal/cluster has the same name
		return name
	case "bridgetest", "config", "describe", "metrics", "sse", "transcode":
		return "bridge/" + name
	}
	return "bridge/internal/" + name
}

const architecturePage = "docs/architecture.md"

// pages are the documents for people who change the code, and documents for users that contain names of code.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	decisions, err := filepath.Glob("../docs/adr/*.md")
	require.NoError(t, err)
	out := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"}
	for _, name := range slices.Concat(found, decisions) {
		out = append(out, filepath.ToSlash(strings.TrimPrefix(name, "../")))
	}
	return out
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}

// quoted returns the texts in backticks in a text without code blocks.
func quoted(text string) (names []string) {
	for _, match := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	return names
}

// proseOf returns a page without its code blocks.
func proseOf(page string) string {
	return regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(page, "")
}

// The files and packages that the pages name exist.
func TestThePagesNameFilesThatExist(t *testing.T) {
	file := regexp.MustCompile(`^[\w.-]+(/[\w.-]+)*\.(go|md|json|yml|yaml|proto|txtar)$`)
	dir := regexp.MustCompile(`^(bridge|cmd|docs|gen|proto|bench|\.ci|\.github|[a-z]+)(/[\w.-]+)+$`)
	checked := 0
	for _, page := range pages(t) {
		for _, name := range quoted(proseOf(readPage(t, page))) {
			if !dir.MatchString(name) && (!file.MatchString(name) || !strings.HasSuffix(name, ".go")) || notAPath(name) {
				continue
			}
			checked++
			assert.True(t, exists(page, name), "%s names %s, which does not exist", page, name)
		}
	}
	assert.Greater(t, checked, 100)
}

// notAPath reports whether a text with slashes is a media type or a package of the standard library.
func notAPath(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return slices.Contains([]string{"text", "application", "testing", "net"}, first)
}

// exists reports whether a name on a page is that of a file or a folder. The name may be relative to the module's root, to
// proto (for the import of a .proto file), or to bridge/internal (on the architecture page).
func exists(page, name string) bool {
	roots := []string{"..", "../proto"}
	if page == architecturePage {
		roots = append(roots, "internal")
	}
	return slices.ContainsFunc(roots, func(root string) bool {
		_, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
		return err == nil
	})
}

// Each name of code on the architecture page is declared in the code, or it is a key of the configuration.
func TestTheArchitecturePageNamesCodeThatExists(t *testing.T) {
	declared := declarations(t)
	keys := readPage(t, "bridge/config/schema.json")
	name := regexp.MustCompile(`^[A-Za-z]\w*(\.[A-Za-z]\w*)*$`)
	checked := 0
	for _, text := range quoted(proseOf(readPage(t, architecturePage))) {
		if !name.MatchString(text) || strings.HasSuffix(text, ".go") || strings.HasSuffix(text, ".md") {
			continue
		}
		checked++
		isKey := true
		for _, part := range strings.Split(text, ".") {
			isKey = isKey && strings.Contains(keys, `"`+part+`":`)
		}
		assert.True(t, declared[text] || isKey, "the page names %s, which is neither declared in the code nor a key of the file", text)
	}
	assert.Greater(t, checked, 100)
}

// Where the architecture page has the name of a file and a name of code in brackets, the file declares that name.
func TestTheArchitecturePageNamesTheRightFiles(t *testing.T) {
	pairs := regexp.MustCompile("`([\\w/]+\\.go)` \\(`([\\w.]+)`|`([\\w.]+)` in\\s+`([\\w/]+\\.go)`")
	checked := 0
	for _, match := range pairs.FindAllStringSubmatch(proseOf(readPage(t, architecturePage)), -1) {
		file, name := match[1]+match[4], match[2]+match[3]
		at := "bridge/internal/" + file
		if strings.HasPrefix(file, "bridge/") || strings.HasPrefix(file, "cmd/") {
			at = file
		}
		checked++
		word := regexp.MustCompile(`\b` + name[strings.LastIndexByte(name, '.')+1:] + `\b`)
		assert.Regexp(t, word, readPage(t, at), "the page says that %s is in %s", name, file)
	}
	assert.Greater(t, checked, 20)
}

// declarations returns the declarations of the module's packages, by the names that a page may use: name, package.name,
// type.method, type.field and package.type.method. The names of packages count, too.
func declarations(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, root := range []string{".", "../cmd"} {
		require.NoError(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err == nil {
				declare(out, file)
			}
			return err
		}))
	}
	return out
}

// declare adds the declarations of a file.
func declare(out map[string]bool, file *ast.File) {
	pkg := file.Name.Name
	out[pkg] = true
	add := func(names ...string) {
		out[strings.Join(names, ".")] = true
		out[strings.Join(append([]string{pkg}, names...), ".")] = true
	}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil {
				add(decl.Name.Name)
				continue
			}
			add(receiver(decl.Recv.List[0].Type), decl.Name.Name)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				declareSpec(add, spec)
			}
		}
	}
}

func declareSpec(add func(...string), spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			add(name.Name)
		}
	case *ast.TypeSpec:
		add(spec.Name.Name)
		var members *ast.FieldList
		switch kind := spec.Type.(type) {
		case *ast.StructType:
			members = kind.Fields
		case *ast.InterfaceType:
			members = kind.Methods
		default:
			return
		}
		for _, member := range members.List {
			for _, name := range member.Names {
				add(spec.Name.Name, name.Name)
			}
		}
	}
}

// receiver returns the name of a method's type.
func receiver(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.StarExpr:
		return receiver(of.X)
	case *ast.IndexExpr:
		return receiver(of.X)
	case *ast.IndexListExpr:
		return receiver(of.X)
	case *ast.Ident:
		return of.Name
	}
	return ""
}

// The Go programs of the pages compile, and gofmt does not change them.
func TestTheProgramsOfThePagesCompile(t *testing.T) {
	fence := regexp.MustCompile("(?ms)^```go\n(.*?)^```$")
	var programs []string
	for _, page := range pages(t) {
		for _, match := range fence.FindAllStringSubmatch(readPage(t, page), -1) {
			formatted, err := format.Source([]byte(match[1]))
			require.NoError(t, err, page)
			assert.Equal(t, string(formatted), match[1], "gofmt would change a program of %s", page)
			programs = append(programs, match[1])
		}
	}
	require.NotEmpty(t, programs)
	for _, program := range programs {
		file := filepath.Join(t.TempDir(), "main.go")
		require.NoError(t, os.WriteFile(file, []byte(program), 0o600))
		out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput()
		assert.NoError(t, err, "%s", out)
	}
}

// The Makefile has each target that the pages name.
func TestThePagesNameTargetsThatExist(t *testing.T) {
	makefile := readPage(t, "Makefile")
	target := regexp.MustCompile("(?m)(?:^ *|`)make ([a-z][a-z -]*[a-z])")
	checked := 0
	for _, page := range pages(t) {
		for _, match := range target.FindAllStringSubmatch(readPage(t, page), -1) {
			for name := range strings.FieldsSeq(match[1]) {
				checked++
				assert.Contains(t, makefile, "\n"+name+":", "%s says make %s", page, name)
			}
		}
	}
	assert.Greater(t, checked, 3)
}

// Links between the pages lead to files, and those within a page to a heading.
func TestLinksOfThePagesLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	for _, page := range pages(t) {
		text := proseOf(readPage(t, page))
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, anchor := match[1], match[2]
			switch {
			case strings.Contains(target, "://"):
				continue
			case target == "":
				assert.Contains(t, anchors(text), anchor, "%s links to %s", page, anchor)
			default:
				_, err := os.Stat(filepath.Join("..", filepath.FromSlash(path.Join(path.Dir(page), target))))
				assert.NoError(t, err, "%s links to %s", page, target)
			}
		}
	}
}

// anchors returns the anchors of a page's headings, as GitHub makes them.
func anchors(text string) (out []string) {
	dropped := regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		plain := dropped.ReplaceAllString(strings.ToLower(match[1]), "")
		out = append(out, "#"+strings.ReplaceAll(plain, " ", "-"))
	}
	return out
}
