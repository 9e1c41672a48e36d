package safelog_test

import (
	"bytes"
	"context"
	"errors"
	"log"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/safelog"
)

// touchy is a handler whose methods panic, each where its name is in the list.
type touchy struct {
	slog.Handler

	panics map[string]bool
}

func (h touchy) check(method string) {
	if h.panics[method] {
		panic("in " + method)
	}
}

func (h touchy) Enabled(ctx context.Context, level slog.Level) bool {
	h.check("Enabled")
	return h.Handler.Enabled(ctx, level)
}

func (h touchy) Handle(ctx context.Context, r slog.Record) error {
	h.check("Handle")
	return h.Handler.Handle(ctx, r)
}

func (h touchy) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.check("WithAttrs")
	return touchy{h.Handler.WithAttrs(attrs), h.panics}
}

func (h touchy) WithGroup(name string) slog.Handler {
	h.check("WithGroup")
	return touchy{h.Handler.WithGroup(name), h.panics}
}

// standard returns what the standard logger writes until the test ends.
func standard(t *testing.T) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	before := log.Writer()
	log.SetOutput(&out)
	t.Cleanup(func() { log.SetOutput(before) })
	return &out
}

// use calls all methods of the handler of a logger, twice.
func use(l *slog.Logger) {
	for range 2 {
		l.With("a", 1).WithGroup("g").With("b", 2).Info("line", "c", 3)
	}
}

func TestALogHandlerMayPanic(t *testing.T) {
	for method, want := range map[string]string{
		"":          "msg=line a=1 g.b=2 g.c=3",
		"Enabled":   "",
		"Handle":    "",
		"WithAttrs": "msg=line g.c=3",
		"WithGroup": "msg=line a=1 b=2 c=3",
	} {
		t.Run(method, func(t *testing.T) {
			told := standard(t)
			var out strings.Builder
			h := touchy{slog.NewTextHandler(&out, nil), map[string]bool{method: true}}
			l := safelog.New(slog.New(h))
			require.NotPanics(t, func() { use(l) })
			assert.Contains(t, out.String(), want)
			assert.Equal(t, want == "", out.Len() == 0)
			if method != "" {
				assert.Equal(t, 1, strings.Count(told.String(), "in "+method), "the first panic is told, and no other")
			} else {
				assert.Empty(t, told.String())
			}
		})
	}
}

func TestALoggerIsNotChangedOtherwise(t *testing.T) {
	assert.Nil(t, safelog.New(nil))
	var out strings.Builder
	l := safelog.New(slog.New(slog.NewTextHandler(&out, nil)))
	l.Debug("not written")
	assert.Empty(t, out.String())
	broken := errors.New("disk full")
	h := safelog.New(slog.New(failing{slog.DiscardHandler, broken})).Handler()
	assert.ErrorIs(t, h.Handle(t.Context(), slog.Record{}), broken)
}

type failing struct {
	slog.Handler

	err error
}

func (f failing) Handle(context.Context, slog.Record) error { return f.err }
