package request

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// connection is a ResponseWriter that records the read deadlines. The call of SetReadDeadline with the number fails, counted
// from 1, returns an error. 0 means that no call does.
type connection struct {
	*httptest.ResponseRecorder
	fails     int
	deadlines []time.Time
}

func (c *connection) SetReadDeadline(at time.Time) error {
	c.deadlines = append(c.deadlines, at)
	if len(c.deadlines) == c.fails {
		return errors.New("no deadline")
	}
	return nil
}

func newConnection(fails int) *connection {
	return &connection{ResponseRecorder: httptest.NewRecorder(), fails: fails}
}

// cutOff is a body that ends too early.
type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBodies(t *testing.T) {
	const tooLarge = `{"name":"0123456789"}`
	text := func(body string) io.Reader { return strings.NewReader(body) }
	for name, tt := range map[string]struct {
		contentType string
		body        io.Reader
		fails       int // which call of SetReadDeadline returns an error
		deadlines   int // how many calls of SetReadDeadline there are
		want        string
		status      int // the HTTP status of the answer; 0 where the body is accepted
		code        ending.Code
		message     string
	}{
		"JSON":                {contentType: "application/json", body: text(`{"a":1}`), want: `{"a":1}`, deadlines: 2},
		"JSON with a charset": {contentType: "Application/JSON; charset=utf-8", body: text(`{}`), want: `{}`, deadlines: 2},
		"of the largest size": {contentType: "application/json", body: text(tooLarge[:16]), want: tooLarge[:16], deadlines: 2},
		"no body":             {},
		"a form": {
			contentType: "application/x-www-form-urlencoded", body: text(`a=1`),
			status: 415, code: ending.InvalidArgument, message: "expected a body with Content-Type",
		},
		"no type": {body: text(`{}`), status: 415, code: ending.InvalidArgument, message: "expected a body with Content-Type"},
		"too large": {
			contentType: "application/json", body: text(tooLarge), deadlines: 1,
			status: 413, code: ending.InvalidArgument, message: "too large",
		},
		"cut off": {
			contentType: "application/json", body: cutOff{}, deadlines: 1,
			status: 400, code: ending.InvalidArgument, message: "did not arrive whole",
		},
		"no deadlines": {
			contentType: "application/json", body: text(`{}`), fails: 1, deadlines: 1,
			status: 500, code: ending.Internal, message: "cannot read bodies",
		},
		"a broken connection": {
			contentType: "application/json", body: text(`{}`), fails: 2, deadlines: 2,
			status: 503, code: ending.Unavailable, message: "connection broke",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/?q=1", tt.body)
			r.Header.Set("Content-Type", tt.contentType)
			w := newConnection(tt.fails)
			began := time.Now()
			in, end := New(r).Input(w, []string{"v"}, BodyLimits{Bytes: 16, Time: time.Hour})
			require.Len(t, w.deadlines, tt.deadlines)
			if tt.deadlines > 0 {
				assert.WithinRange(t, w.deadlines[0], began.Add(time.Hour), time.Now().Add(time.Hour))
			}
			if tt.deadlines > 1 {
				assert.Zero(t, w.deadlines[1], "the last call removes the deadline")
			}
			if tt.status != 0 {
				require.NotNil(t, end)
				assert.Equal(t, tt.status, end.HTTPStatus)
				assert.Equal(t, tt.code, end.Code)
				assert.Equal(t, ending.ByRequest, end.Reason)
				assert.Contains(t, end.Message, tt.message)
				assert.Equal(t, tt.fails == 1, end.Cause != nil, "the operator is told that the server cannot read bodies")
				return
			}
			require.Nil(t, end)
			assert.True(t, in.HasBody, "a POST without content has an empty body")
			assert.Equal(t, tt.want, string(in.Body))
			assert.Equal(t, "q=1", in.RawQuery)
			assert.Equal(t, []string{"v"}, in.Variables)
		})
	}
}

func TestOnlyAPOSTHasABodyToBind(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(`{}`))
	w := newConnection(0)
	in, end := New(r).Input(w, nil, BodyLimits{Bytes: 16, Time: time.Hour})
	require.Nil(t, end)
	assert.False(t, in.HasBody)
	assert.Empty(t, w.deadlines)
	left, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	assert.Equal(t, "{}", string(left))
}

func TestABodyThatIsNotReadGetsADeadline(t *testing.T) {
	for name, tt := range map[string]struct {
		protocol int
		length   int64
		read     bool
		want     bool
	}{
		"a length":                    {1, 100, false, true},
		"an unknown length":           {1, -1, false, true},
		"no body":                     {1, 0, false, false},
		"HTTP/2":                      {2, 100, false, false},
		"a body that was read":        {1, 2, true, false},
		"a body that ended too early": {1, 100, true, false},
		"HTTP/2, and chunked":         {2, -1, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{}`))
			r.Header.Set("Content-Type", "application/json")
			r.ProtoMajor, r.ContentLength = tt.protocol, tt.length
			req, w := New(r), newConnection(0)
			if tt.read {
				_, _ = req.Input(w, nil, BodyLimits{Bytes: 16, Time: time.Hour})
			}
			before := len(w.deadlines)
			req.LeaveBody(w)
			assert.Equal(t, tt.want, len(w.deadlines) > before)
			assert.Equal(t, tt.want, w.Header().Get("Connection") == "close")
		})
	}
}
