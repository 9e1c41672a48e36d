package schema

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"github.com/grpcsse/grpcsse/internal/loopback"
)

// A service, and types that it does not import: each reading of it is the same, whatever becomes of them.
func extendedBy(symbols map[string][]string) show {
	s := show{services: []string{"a.S"}, symbols: map[string][]string{"a.S": {extended}}, paths: map[string][]string{}}
	for name, files := range symbols {
		s.symbols[name] = files
	}
	return s
}

func TestTypesThatWereFoundAreAskedForAgain(t *testing.T) {
	const (
		one        = `name: "t.proto" package: "t" message_type { name: "T" field { name: "a" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING } }`
		two        = `name: "t.proto" package: "t" message_type { name: "T" field { name: "b" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING } }`
		importing  = `name: "u.proto" package: "u" dependency: "t.proto" message_type { name: "U" field { name: "t" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".t.T" } }`
		noteNumber = `name: "x.proto" package: "x" dependency: "a.proto" extension { name: "note" extendee: ".a.M" number: 100 label: LABEL_OPTIONAL type: TYPE_INT64 }`
	)
	for name, test := range map[string]struct {
		before, after map[string][]string
		changed       bool
	}{
		"the same":              {map[string][]string{"t.T": {one}}, map[string][]string{"t.T": {one}}, false},
		"another form":          {map[string][]string{"t.T": {one}}, map[string][]string{"t.T": {two}}, true},
		"of a type inside":      {map[string][]string{"u.U": {importing, one}}, map[string][]string{"u.U": {importing, two}}, true},
		"of an extension":       {map[string][]string{"a.M:100": {extension}}, map[string][]string{"a.M:100": {noteNumber}}, true},
		"not there any more":    {map[string][]string{"t.T": {one}}, nil, false},
		"new, and not met":      {nil, map[string][]string{"t.T": {two}}, false},
		"another and one less":  {map[string][]string{"t.T": {one}, "u.U": {importing, one}}, map[string][]string{"t.T": {two}}, true},
		"the same, one of them": {map[string][]string{"t.T": {one}, "u.U": {importing, one}}, map[string][]string{"t.T": {one}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			read := func(symbols map[string][]string) *Snapshot {
				l := &lazy{t: t, show: extendedBy(symbols)}
				s, err := reflect(t, answers(l.answer).register)
				require.NoError(t, err)
				return s
			}
			before, after := read(test.before), read(test.after)
			require.Equal(t, before.Hash(), after.Hash())
			_, _ = before.Types("a.S").FindMessageByName("t.T")
			_, _ = before.Types("a.S").FindMessageByName("u.U")
			_, _ = before.Types("a.S").FindExtensionByNumber("a.M", 100)
			assert.Equal(t, test.changed, after.changes(before))
			assert.Equal(t, test.changed, before.Hash() != after.Hash(), "what is shared by the hash must not mix the forms")
			again := read(test.after)
			assert.False(t, again.changes(after), "once")
		})
	}
}

func TestAServerThatFailsMeanwhileChangesNoType(t *testing.T) {
	l, before := startLazy(t)
	_, err := before.Types("a.S").FindMessageByName("types.T")
	require.NoError(t, err)
	broken := func(q *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
		if q.GetFileContainingSymbol() == "types.T" {
			return refusing(codes.Unavailable, "not now"), nil
		}
		return l.show.answer(t)(q)
	}
	after, err := reflect(t, answers(broken).register)
	require.NoError(t, err)
	assert.False(t, after.changes(before))
}

func TestARedeployedServerWithAnotherTypeNeedsNoRestart(t *testing.T) {
	deployed := func(field string) show {
		return extendedBy(map[string][]string{"t.T": {`name: "t.proto" package: "t" message_type { name: "T" field { name: "` + field +
			`" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING } }`}})
	}
	address, stop := serveGRPC(t, loopback.Own(), deployed("old").answer(t).register)
	told := watch(t, address)
	old := nextSnapshot(t, told)
	mt, err := old.Types("a.S").FindMessageByName("t.T")
	require.NoError(t, err)
	require.NotNil(t, mt.Descriptor().Fields().ByName("old"))

	stop()
	serveGRPC(t, address, deployed("new").answer(t).register)
	fresh := nextSnapshot(t, told)
	mt, err = fresh.Types("a.S").FindMessageByName("t.T")
	require.NoError(t, err)
	assert.NotNil(t, mt.Descriptor().Fields().ByName("new"))
	assert.NotEqual(t, old.Hash(), fresh.Hash())
	mt, err = old.Types("a.S").FindMessageByName("t.T")
	require.NoError(t, err)
	assert.NotNil(t, mt.Descriptor().Fields().ByName("old"), "a snapshot never changes")
}
