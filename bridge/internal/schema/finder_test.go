package schema

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// lazy is a server whose service imports nothing. It knows more types by their names, and counts what it is asked beside
// its services.
type lazy struct {
	show

	asked  atomic.Int64
	before func(symbol string) // called before each such answer, may be nil
	t      *testing.T
}

func (l *lazy) answer(q *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
	symbol := q.GetFileContainingSymbol()
	if x := q.GetFileContainingExtension(); x != nil {
		symbol = fmt.Sprintf("%s:%d", x.GetContainingType(), x.GetExtensionNumber())
		q = bySymbol(symbol)
	}
	if symbol != "" && symbol != "a.S" {
		l.asked.Add(1)
		if l.before != nil {
			l.before(symbol)
		}
	}
	return l.show.answer(l.t)(q)
}

const (
	extended = `name: "a.proto" package: "a" message_type { name: "M" extension_range { start: 100 end: 1000 } }
		service { name: "S" method { name: "R" input_type: ".a.M" output_type: ".a.M" server_streaming: true } }`
	extension = `name: "x.proto" package: "x" dependency: "a.proto" extension { name: "note" extendee: ".a.M" number: 100 label: LABEL_OPTIONAL type: TYPE_STRING }
		message_type { name: "Holder" extension { name: "inner" extendee: ".a.M" number: 101 label: LABEL_OPTIONAL type: TYPE_STRING } }`
)

func startLazy(t *testing.T) (*lazy, *Snapshot) {
	t.Helper()
	l := &lazy{t: t, show: show{services: []string{"a.S"}, symbols: map[string][]string{
		"a.S":          {extended},
		"types.T":      {typesT},
		"b.M":          {`name: "b.proto" package: "b" dependency: "types.proto" dependency: "a.proto" ` + field("t", ".types.T")},
		"x.note":       {extension},
		"a.M:100":      {extension},
		"a.M:101":      {extension},
		"liar.M":       {typesT},
		"liar.S":       {service("liar", "liar.proto", plainM)},
		"unlinkable.M": {`name: "u.proto" package: "unlinkable" ` + field("t", ".gone.T")},
	}, paths: map[string][]string{"types.proto": {typesT}}}}
	s, err := reflect(t, answers(l.answer).register)
	require.NoError(t, err)
	require.Zero(t, l.asked.Load())
	return l, s
}

func TestTypesThatNoServiceImportsAreAskedFor(t *testing.T) {
	l, s := startLazy(t)
	types := s.Types("a.S")
	for range 2 {
		mt, err := types.FindMessageByURL("type.googleapis.com/b.M")
		require.NoError(t, err)
		inner := mt.Descriptor().Fields().ByName("t").Message()
		require.False(t, inner.IsPlaceholder())
		x, err := types.FindExtensionByNumber("a.M", 100)
		require.NoError(t, err)
		assert.EqualValues(t, "x.note", x.TypeDescriptor().FullName())
		md, err := s.Method("a.S", "R")
		require.NoError(t, err)
		assert.Equal(t, md.Output(), x.TypeDescriptor().ContainingMessage(), "the file of a path that is known stays the file")
		x, err = types.FindExtensionByNumber("a.M", 101)
		require.NoError(t, err)
		assert.EqualValues(t, "x.Holder.inner", x.TypeDescriptor().FullName())
		x, err = types.FindExtensionByName("x.note")
		require.NoError(t, err)
		assert.EqualValues(t, 100, x.TypeDescriptor().Number())
	}
	assert.EqualValues(t, 4, l.asked.Load(), "yes is remembered")
}

func TestTypesThatTheServerDoesNotKnow(t *testing.T) {
	l, s := startLazy(t)
	names := []protoreflect.FullName{"nobody.M", "liar.M", "liar.S", "unlinkable.M", "x.note"}
	for range 2 {
		for _, name := range names {
			_, err := s.Types("a.S").FindMessageByName(name)
			require.ErrorIs(t, err, protoregistry.NotFound, name)
		}
		_, err := s.Types("a.S").FindExtensionByNumber("a.M", 999)
		require.ErrorIs(t, err, protoregistry.NotFound)
		for _, url := range []string{"", "/", "not a name", "type.googleapis.com/", "a..b"} {
			_, err := s.Types("a.S").FindMessageByURL(url)
			require.ErrorIs(t, err, protoregistry.NotFound, url)
		}
	}
	asked := int64(len(names) + 1 + 1) // gone.T too
	assert.Equal(t, asked, l.asked.Load(), "no is remembered, and what is no name is not asked for")

	s.renew()
	for _, name := range names[:1] {
		_, err := s.Types("a.S").FindMessageByName(name)
		require.ErrorIs(t, err, protoregistry.NotFound)
	}
	assert.Equal(t, asked+1, l.asked.Load(), "asked again once the schema was read anew")
}

// Many streams meet a type at the same time.
func TestATypeIsAskedForOnce(t *testing.T) {
	l, s := startLazy(t)
	release := make(chan struct{})
	l.before = func(string) { <-release }
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			_, err := s.Types("a.S").FindMessageByName("types.T")
			assert.NoError(t, err)
		})
	}
	require.Eventually(t, func() bool { return l.asked.Load() == 1 }, 10*time.Second, time.Millisecond)
	close(release)
	wg.Wait()
	assert.EqualValues(t, 1, l.asked.Load())
}

// A hostile upstream names a new type with each message.
func TestNamesOfTypesAreBounded(t *testing.T) {
	l, s := startLazy(t)
	for i := range maxFinds + 500 {
		_, err := s.Types("a.S").FindMessageByName(protoreflect.FullName(fmt.Sprintf("made.up.T%d", i)))
		require.ErrorIs(t, err, protoregistry.NotFound)
	}
	assert.EqualValues(t, maxFinds, l.asked.Load())
	assert.Len(t, s.finder.known, maxFinds)
	s.renew()
	_, err := s.Types("a.S").FindMessageByName("types.T")
	require.NoError(t, err, "as many again once the schema was read anew")
}

// A reflection that hangs holds up a stream for 2 s, and not with every message.
func TestAHangingReflectionIsLeftAlone(t *testing.T) {
	l, s := startLazy(t)
	release := make(chan struct{})
	l.before = func(string) { <-release }
	_, err := s.Types("a.S").FindMessageByName("types.T")
	require.ErrorIs(t, err, protoregistry.NotFound)
	for range 100 {
		_, err = s.Types("a.S").FindMessageByName("b.M")
		require.ErrorIs(t, err, protoregistry.NotFound)
	}
	assert.EqualValues(t, 1, l.asked.Load())
	close(release)
	s.renew()
	_, err = s.Types("a.S").FindMessageByName("types.T")
	require.NoError(t, err, "no answer is not a no")
}

func TestWhatLookUpsBringIsBounded(t *testing.T) {
	l, s := startLazy(t)
	s.finder.reader.ask.budget.extend(1000, 200, 1000)
	for i := range 20 {
		name := fmt.Sprintf("big%d.M", i)
		l.symbols[name] = []string{service(fmt.Sprintf("big%d", i), fmt.Sprintf("%d.proto", i), plainM)}
		_, _ = s.Types("a.S").FindMessageByName(protoreflect.FullName(name))
	}
	assert.Less(t, l.asked.Load(), int64(10))
	_, err := s.Types("a.S").FindMessageByName("a.M")
	require.NoError(t, err, "what is there stays")
}

func TestLookUpsEndWithTheBridge(t *testing.T) {
	l, _ := startLazy(t)
	l.before = func(string) { <-t.Context().Done() }
	address, _ := serveGRPC(t, "127.0.0.1:0", answers(l.answer).register)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := FromReflection(ctx, connect(t, address))
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.Types("a.S").FindMessageByName("types.T")
	}()
	require.Eventually(t, func() bool { return l.asked.Load() == 1 }, 10*time.Second, time.Millisecond)
	cancel()
	select {
	case <-done:
	case <-time.After(time.Second):
		t.Fatal("a look-up outlived its context")
	}
}

func TestDescriptorSetsHaveNobodyToAsk(t *testing.T) {
	_, err := marketSnapshot(t).Types("").FindMessageByName("nobody.M")
	require.ErrorIs(t, err, protoregistry.NotFound)
	_, err = marketSnapshot(t).Types("").FindExtensionByNumber("market.v1.Quote", 100)
	require.ErrorIs(t, err, protoregistry.NotFound)
}
