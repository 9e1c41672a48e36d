package bridge_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	gotypes "go/types"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mostSleeps is how many sleeps in real time the tests of the module may have. A sleep costs time in every run, and its length
// is a guess. Instead, a test waits for an event, or runs in a bubble of testing/synctest.
const mostSleeps = 5

func TestTheTestsHaveFewSleeps(t *testing.T) {
	root, err := os.OpenRoot("..")
	require.NoError(t, err)
	var asleep []string
	for _, room := range []string{"bridge", "cmd", "gen"} {
		require.NoError(t, fs.WalkDir(root.FS(), room, func(dir string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				asleep = append(asleep, sleepsIn(t, filepath.Join("..", dir))...)
			}
			return err
		}))
	}
	slices.Sort(asleep)
	assert.LessOrEqual(t, len(asleep), mostSleeps, "sleeps outside bubbles of testing/synctest:\n%s", strings.Join(asleep, "\n"))
}

func TestASleepIsFoundOutsideOfBubbles(t *testing.T) {
	const runner = "func each(t *testing.T, test func(*testing.T)) { synctest.Test(t, func(t *testing.T) { test(t) }) }\n"
	const slow = "type slow struct{}\nfunc (slow) Send() { time.Sleep(1) }\n"
	for name, tt := range map[string]struct {
		code   string
		sleeps int
	}{
		"in a test":                 {"func TestX(t *testing.T) { time.Sleep(1) }", 1},
		"in a bubble":               {"func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }", 0},
		"beside a bubble":           {"func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) {}); time.Sleep(1) }", 1},
		"in a helper without calls": {"func nap() { time.Sleep(1) }", 1},
		"in a helper of a bubble": {
			"func nap() { time.Sleep(1) }\nfunc TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { nap() }) }", 0,
		},
		"in a helper of a bubble and of a test": {
			"func nap() { time.Sleep(1) }\nfunc TestX(t *testing.T) { nap(); synctest.Test(t, func(t *testing.T) { nap() }) }", 1,
		},
		"given to a runner": {runner + "func TestX(t *testing.T) { each(t, func(*testing.T) { time.Sleep(1) }) }", 0},
		"in a call of a runner, outside the function that it receives": {runner + "func TestX(t *testing.T) { each(t, func(*testing.T) {}); time.Sleep(1) }", 1},
		"in a function that is passed to another function": {
			"func each(t *testing.T, test func(*testing.T)) { test(t); synctest.Test(t, func(t *testing.T) { test(t) }) }\n" +
				"func TestX(t *testing.T) { each(t, func(*testing.T) { time.Sleep(1) }) }", 1,
		},
		"in a variable for a runner": {runner + "func TestX(t *testing.T) { w := func(*testing.T) { time.Sleep(1) }; each(t, w) }", 0},
		"in a variable that is also called": {
			runner + "func TestX(t *testing.T) { w := func(*testing.T) { time.Sleep(1) }; w(t); each(t, w) }", 1,
		},
		"in a method of a value in a bubble": {
			slow + "func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { use(slow{}) }) }", 0,
		},
		"in a method of a value outside": {slow + "func TestX(t *testing.T) { use(slow{}) }", 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "x_test.go"), []byte("package x\n"+tt.code), 0o600))
			assert.Len(t, sleepsIn(t, dir), tt.sleeps)
		})
	}
}

// sleepsIn returns where the tests of a folder sleep in real time.
func sleepsIn(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	set, units := token.NewFileSet(), map[string][]*ast.File{}
	for _, name := range names {
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		units[file.Name.Name] = append(units[file.Name.Name], file)
	}
	var asleep []string
	for _, files := range units {
		asleep = append(asleep, newBubbles(set, files).sleepsOutside()...)
	}
	return asleep
}

// bubbles finds the code of a package that runs only in bubbles of testing/synctest. That is the function that is passed to
// synctest.Test, a function that is called only in such code, and a function that is passed to a function that calls it only
// there.
type bubbles struct {
	set     *token.FileSet
	info    *gotypes.Info
	inside  []ast.Node                     // the code that runs in bubbles only
	known   map[ast.Node]bool              // the elements of inside
	uses    map[gotypes.Object][]token.Pos // where functions, variables and types are used
	defined map[gotypes.Object]ast.Node    // the code of a function, or of a variable that is set once to a literal
	params  map[gotypes.Object][]gotypes.Object
	calls   []*ast.CallExpr
	methods map[gotypes.Object]gotypes.Object // the type of a method
	made    map[gotypes.Object][]token.Pos    // where values of a type are made
}

func newBubbles(set *token.FileSet, files []*ast.File) *bubbles {
	b := &bubbles{
		set: set, known: map[ast.Node]bool{}, uses: map[gotypes.Object][]token.Pos{}, made: map[gotypes.Object][]token.Pos{},
		defined: map[gotypes.Object]ast.Node{}, params: map[gotypes.Object][]gotypes.Object{},
		methods: map[gotypes.Object]gotypes.Object{},
		info:    &gotypes.Info{Defs: map[*ast.Ident]gotypes.Object{}, Uses: map[*ast.Ident]gotypes.Object{}},
	}
	// Imported names stay unknown. The names of this package are resolved in spite of that.
	check := gotypes.Config{Error: func(error) {}, Importer: noImports{}}
	_, _ = check.Check("p", set, files, b.info)
	for _, file := range files {
		ast.Inspect(file, b.note)
	}
	for ident, object := range b.info.Uses {
		object = origin(object)
		b.uses[object] = append(b.uses[object], ident.Pos())
	}
	for b.spread() {
	}
	return b
}

// note records the definitions and calls at a node.
func (b *bubbles) note(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.CallExpr:
		b.calls = append(b.calls, n)
	case *ast.FuncDecl:
		b.noteFunction(n)
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if ident, ok := left.(*ast.Ident); ok && len(n.Lhs) == len(n.Rhs) {
				b.noteLiteral(ident, n.Rhs[i])
			}
		}
	case *ast.RangeStmt:
		if ident, ok := n.Value.(*ast.Ident); ok {
			b.noteLiteral(ident, n.X)
		}
	case *ast.CompositeLit:
		b.noteValue(n.Type)
	case *ast.ValueSpec:
		b.noteValue(n.Type)
	}
	return true
}

// noteLiteral records a variable whose value is a function literal, or that takes its values from the elements of a literal.
func (b *bubbles) noteLiteral(ident *ast.Ident, value ast.Expr) {
	switch value.(type) {
	case *ast.FuncLit, *ast.CompositeLit:
		if object := b.info.Defs[ident]; object != nil {
			b.defined[object] = value
		}
	}
}

// noteValue records that a value of a type is made.
func (b *bubbles) noteValue(of ast.Expr) {
	if index, ok := of.(*ast.IndexExpr); ok {
		of = index.X
	}
	if ident, ok := of.(*ast.Ident); ok && b.info.Uses[ident] != nil {
		b.made[b.info.Uses[ident]] = append(b.made[b.info.Uses[ident]], of.Pos())
	}
}

func (b *bubbles) noteFunction(f *ast.FuncDecl) {
	object := b.info.Defs[f.Name]
	if object == nil || f.Body == nil {
		return
	}
	b.defined[object] = f
	for _, field := range f.Type.Params.List {
		for _, name := range field.Names {
			b.params[object] = append(b.params[object], b.info.Defs[name])
		}
	}
	if f.Recv == nil {
		return
	}
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		ident, ok := n.(*ast.Ident)
		if ok && b.methods[object] == nil {
			b.methods[object] = b.info.Uses[ident]
		}
		return true
	})
}

// spread finds more code that runs in bubbles only.
func (b *bubbles) spread() (more bool) {
	add := func(n ast.Node) {
		if !b.known[n] {
			b.known[n], more = true, true
			b.inside = append(b.inside, n)
		}
	}
	for _, call := range b.calls {
		if isCall(call, "synctest", "Test") {
			add(call)
			continue
		}
		params := b.params[b.callee(call)]
		for i, arg := range call.Args {
			if len(params) > 0 && b.only(params[min(i, len(params)-1)]) {
				add(arg)
			}
		}
	}
	for object, code := range b.defined {
		if b.only(object) {
			add(code)
		}
	}
	return more
}

// only reports whether an object is used in bubbles only. A method counts as used in bubbles only if all values of its type are
// made there, because calls through an interface cannot be found.
func (b *bubbles) only(object gotypes.Object) bool {
	own := b.defined[object]
	outside := func(at token.Pos) bool { return !b.in(at) && (own == nil || at < own.Pos() || at > own.End()) }
	for _, places := range [][]token.Pos{b.uses[object], b.made[b.methods[object]]} {
		if len(places) > 0 && !slices.ContainsFunc(places, outside) {
			return true
		}
	}
	return false
}

// in reports whether a place is in a bubble.
func (b *bubbles) in(at token.Pos) bool {
	return slices.ContainsFunc(b.inside, func(n ast.Node) bool { return n.Pos() <= at && at < n.End() })
}

// callee returns the function of this package that is called, or nil.
func (b *bubbles) callee(call *ast.CallExpr) gotypes.Object {
	fun := call.Fun
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X
	}
	switch f := fun.(type) {
	case *ast.Ident:
		return origin(b.info.Uses[f])
	case *ast.SelectorExpr:
		return origin(b.info.Uses[f.Sel])
	}
	return nil
}

// sleepsOutside returns where tests sleep outside of bubbles.
func (b *bubbles) sleepsOutside() (at []string) {
	for _, call := range b.calls {
		where := b.set.Position(call.Pos())
		if isCall(call, "time", "Sleep") && strings.HasSuffix(where.Filename, "_test.go") && !b.in(call.Pos()) {
			at = append(at, where.String())
		}
	}
	return at
}

// isCall reports whether the call is one of pkg.name.
func isCall(call *ast.CallExpr, pkg, name string) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != name {
		return false
	}
	ident, ok := f.X.(*ast.Ident)
	return ok && ident.Name == pkg
}

// origin returns the function that a function of a generic type or function is an instance of.
func origin(object gotypes.Object) gotypes.Object {
	switch o := object.(type) {
	case *gotypes.Func:
		return o.Origin()
	case *gotypes.Var:
		return o.Origin()
	}
	return object
}

// noImports imports nothing.
type noImports struct{}

func (noImports) Import(string) (*gotypes.Package, error) { return nil, errors.New("not looked at") }
