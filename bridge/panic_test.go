package bridge

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// explosive is a source and a stream. The stream panics at its first message.
type explosive struct{}

func (explosive) Open(context.Context, string, []byte, metadata.MD) (source.Stream, error) {
	return explosive{}, nil
}
func (explosive) Header() (metadata.MD, bool) { return metadata.MD{}, true }
func (explosive) Recv() ([]byte, error)       { panic("secret of the message") }
func (explosive) Close()                      {}
func (explosive) UsesContextValues() bool     { return true }

func TestAPanicWhileReadingEndsOneStreamOnly(t *testing.T) {
	var log strings.Builder
	silent := Func(func(context.Context, struct{}) iter.Seq2[*streamv1.Event, error] {
		return func(func(*streamv1.Event, error) bool) {}
	})
	b, err := New(t.Context(), nil, WithRoute(config.NewRoute("/watch"), silent),
		WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.NoError(t, err)
	b.catalog.Routes()[0].Plan.Source = explosive{}
	web := httptest.NewServer(b)
	defer web.Close()

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/watch", nil)
	require.NoError(t, err)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Accept-Encoding", "identity")
	resp, err := web.Client().Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, b.Close())

	assert.Contains(t, string(text), `"status":"DATA_LOSS"`)
	assert.Contains(t, string(text), `"retry":false,"reason":"message"`, "a browser that comes back would receive the same message")
	assert.NotContains(t, string(text), "secret")
	assert.Contains(t, log.String(), "panic while reading a stream")
	assert.NotContains(t, log.String(), "secret", "the log has no message values")
}
