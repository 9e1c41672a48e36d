package health

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
)

// rig is a health with two upstreams, of which a test changes the state.
type rig struct {
	*Health

	upstreams []bridge.UpstreamInfo
}

func newRig() *rig {
	r := &rig{upstreams: []bridge.UpstreamInfo{
		{Name: "market", Target: "secret.internal:50051", State: bridge.UpstreamUp, SchemaRead: true},
		{Name: "orders", Target: "secret.internal:50052", State: bridge.UpstreamDown},
	}}
	r.Health = New(func() []bridge.UpstreamInfo { return r.upstreams })
	return r
}

func (r *rig) ask(t *testing.T, method, path string) (int, report) {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler(nil).ServeHTTP(w, httptest.NewRequest(method, path, nil))
	assert.NotContains(t, w.Body.String(), "secret.internal")
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	var body report
	if w.Header().Get("Content-Type") == "application/json" {
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	}
	return w.Code, body
}

func (r *rig) requireStatus(t *testing.T, path string, code int, status string) {
	t.Helper()
	got, body := r.ask(t, http.MethodGet, path)
	assert.Equal(t, code, got, path)
	assert.Equal(t, status, body.Status, path)
}

// The program has started when each schema was read, and is ready when it also listens.
func TestTheProgramIsReadyOnceItHasStartedAndListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.requireStatus(t, "/livez", 200, "live")
		r.requireStatus(t, "/startupz", 503, "starting")
		r.requireStatus(t, "/readyz", 503, "starting")
		r.Listening()
		r.requireStatus(t, "/readyz", 503, "starting")
		r.upstreams[1].SchemaRead = true
		r.requireStatus(t, "/startupz", 200, "started")
		r.requireStatus(t, "/readyz", 200, "ready")
		r.upstreams = append(r.upstreams, bridge.UpstreamInfo{Name: "new", State: bridge.UpstreamDown}) // by a reload
		r.requireStatus(t, "/startupz", 200, "started")
		r.requireStatus(t, "/readyz", 200, "ready")
	})
}

func TestTheProgramHasStartedAfterAWhileWhateverIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		r.Listening()
		time.Sleep(startPatience - time.Nanosecond)
		r.requireStatus(t, "/startupz", 503, "starting")
		r.requireStatus(t, "/readyz", 503, "starting")
		time.Sleep(time.Nanosecond)
		r.requireStatus(t, "/readyz", 200, "ready")
		r.requireStatus(t, "/startupz", 200, "started")
	})
}

func TestTheProgramIsNotReadyBeforeItListens(t *testing.T) {
	r := newRig()
	r.upstreams = nil
	r.requireStatus(t, "/startupz", 200, "started")
	r.requireStatus(t, "/readyz", 503, "starting")
	r.Listening()
	r.requireStatus(t, "/readyz", 200, "ready")
}

func TestTheProgramIsNotReadyOnceTheDrainHasBegun(t *testing.T) {
	r := newRig()
	r.upstreams[1].SchemaRead = true
	r.Listening()
	r.requireStatus(t, "/readyz", 200, "ready")
	r.Drain()
	r.requireStatus(t, "/readyz", 503, "draining")
	r.requireStatus(t, "/livez", 200, "live")
	r.requireStatus(t, "/startupz", 200, "started")
}

// An upstream that is down is shown, with the time, and changes no status.
func TestAnUpstreamThatIsDownIsShown(t *testing.T) {
	r := newRig()
	r.upstreams[1].SchemaRead = true
	since := time.Date(2026, 11, 27, 5, 0, 0, 0, time.FixedZone("", 3600))
	r.upstreams[1].Since = since
	r.Listening()
	code, body := r.ask(t, http.MethodGet, "/readyz")
	assert.Equal(t, 200, code)
	require.Len(t, body.Upstreams, 2)
	assert.Equal(t, upstream{"orders", bridge.UpstreamDown, since.UTC(), true}, body.Upstreams[1])
}

func TestOnlyProbesAreAnswered(t *testing.T) {
	r := newRig()
	for _, path := range []string{"/livez", "/readyz", "/startupz"} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "TRACE"} {
			code, _ := r.ask(t, method, path)
			assert.Equal(t, 405, code, "%s %s", method, path)
		}
		code, _ := r.ask(t, http.MethodHead, path)
		assert.NotEqual(t, 405, code, path)
	}
	for _, path := range []string{"/", "/routes", "/debug/pprof/", "/-/reload", "/livez/x", "/metrics"} {
		code, _ := r.ask(t, http.MethodGet, path)
		assert.Equal(t, 404, code, path)
	}
	w := httptest.NewRecorder()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	r.Handler(metrics).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	assert.Equal(t, http.StatusTeapot, w.Code)
}
