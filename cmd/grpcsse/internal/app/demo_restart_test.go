package app_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// figures are what the route /crowd says about the crowd. Sums are text, as 64-bit integers are in ProtoJSON.
type figures struct {
	Browsers, Connected, Current, Gone int

	Deliveries json.Number
	Ledger     map[string]json.Number
	Upstream   struct {
		Running bool
		Streams int
	}
}

// sum returns a sum of the ledger.
func (f figures) sum(t *testing.T, name string) int64 { return number(t, f.Ledger[name]) }

func number(t *testing.T, text json.Number) int64 {
	t.Helper()
	n, err := text.Int64()
	require.NoError(t, err)
	return n
}

// figuresUntil returns the first figures that are as wanted. It opens the stream of figures again whenever the stream ends.
func (d *running) figuresUntil(t *testing.T, client *http.Client, wanted func(figures) bool) figures {
	t.Helper()
	var last figures
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		lines := bufio.NewScanner(d.open(t, client, "/crowd").Body)
		for lines.Scan() {
			data, isData := strings.CutPrefix(lines.Text(), `data: {"browsers"`)
			if !isData {
				continue
			}
			last = figures{}
			require.NoError(t, json.Unmarshal([]byte(`{"browsers"`+data), &last))
			if wanted(last) {
				return last
			}
			if time.Now().After(deadline) {
				break
			}
		}
	}
	require.Failf(t, "the figures never were as wanted", "%+v", last)
	return last
}

// assertClean checks that no browser of the crowd has lost anything, got anything twice, or was told to begin anew.
func (f figures) assertClean(t *testing.T) {
	t.Helper()
	for _, name := range []string{"gaps", "repeats", "disorders", "resets"} {
		assert.Zero(t, f.sum(t, name), name)
	}
	assert.Zero(t, f.Gone, "browsers that gave up")
}

// TestACrowdKeepsItsPlaceWhenTheBridgeIsRestarted replaces the bridge behind 200 clients. The new bridge knows no id that the
// clients come back with.
func TestACrowdKeepsItsPlaceWhenTheBridgeIsRestarted(t *testing.T) {
	const browsers = 200
	for name, buttons := range map[string][]string{
		"as a deploy does":                {"bridge/restart"},
		"as kill -9 does":                 {"bridge/kill"},
		"again before all have come back": {"bridge/restart", "bridge/kill", "bridge/restart"},
		"while the gRPC server is dead":   {"upstream/kill", "bridge/restart", "upstream/restart"},
		"together with the gRPC server":   {"upstream/kill", "bridge/kill", "upstream/restart"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDemo(t)
			client := &http.Client{Transport: new(http.Transport), Timeout: patience}
			defer client.CloseIdleConnections()
			d.press(t, client, "crowd/start?browsers=200")
			before := d.figuresUntil(t, client, func(f figures) bool { return f.Current == browsers })
			for _, button := range buttons {
				d.press(t, client, button)
			}
			back := d.figuresUntil(t, client, func(f figures) bool {
				return f.sum(t, "reconnects") >= browsers && f.Current == browsers
			})
			assert.Greater(t, number(t, back.Deliveries), number(t, before.Deliveries))
			after := d.figuresUntil(t, client, func(f figures) bool {
				return f.Upstream.Streams == 1 && number(t, f.Deliveries) > number(t, back.Deliveries)+10*browsers
			})
			after.assertClean(t)
			assert.Equal(t, browsers, after.Current)
		})
	}
}

// The program may be ended at any moment of a restart.
func TestTheProgramEndsWhileTheBridgeIsRestarted(t *testing.T) {
	for _, button := range []string{"bridge/restart", "bridge/kill"} {
		t.Run(button, func(t *testing.T) {
			t.Parallel()
			d := startDemo(t)
			client := &http.Client{Transport: new(http.Transport), Timeout: patience}
			defer client.CloseIdleConnections()
			d.press(t, client, "crowd/start?browsers=50")
			d.figuresUntil(t, client, func(f figures) bool { return f.Current == 50 })
			sent, pressed := make(chan struct{}), make(chan struct{})
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) },
			})
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.page+"backstage/"+button, http.NoBody)
			require.NoError(t, err)
			go func() {
				defer close(pressed)
				if response, err := client.Do(request); err == nil { // the program may end before its answer
					_ = response.Body.Close()
				}
			}()
			<-sent
			d.stop()
			<-d.ended
			<-pressed
			assert.Zero(t, d.code)
		})
	}
}
