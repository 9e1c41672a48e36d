package app

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestTheFormatsOfTheAccessLog(t *testing.T) {
	var out bytes.Buffer
	log := newAccessLog(&out, config.AccessLog{})
	for format, want := range map[config.AccessFormat]string{
		config.AccessFormatText: `^time=\S+ msg=stream route=quotes duration=1\.5s note="a b"\n$`,
		config.AccessFormatJSON: `^\{"time":"[^"]+","msg":"stream","route":"quotes","duration":1\.5,"note":"a b"\}\n$`,
	} {
		out.Reset()
		log.set(config.AccessLog{Format: format})
		slog.New(log).With("route", "quotes").Info("stream", "duration", 1500*time.Millisecond, "note", "a b")
		assert.Regexp(t, want, out.String())
	}
}

// The access log and the other log can be separated.
func TestServeWritesTheAccessLogToTheStandardOutput(t *testing.T) {
	for _, tt := range []struct{ setting, line string }{
		{"{values: true}", `(?m)^(time=\S+ msg=refused client=127\.0\.0\.1 .*status=404 .* path=/none)$`},
		{"{format: json}", `(?m)^(\{"time":.*"status":404,.*"duration":0\.\d+,.*\})$`},
	} {
		file := filepath.Join(t.TempDir(), "grpcsse.yaml")
		require.NoError(t, os.WriteFile(file, []byte(`
server: {listen: "127.0.0.1:0", access_log: `+tt.setting+`}
upstreams: {down: {target: "127.0.0.1:1"}}
routes: [{path: /quotes, rpc: demo.market.v1.MarketService/WatchQuotes}]
`), 0o600))
		ctx, stop := context.WithCancel(t.Context())
		stdout, stderr := &lines{wrote: make(chan struct{}, 1)}, &lines{wrote: make(chan struct{}, 1)}
		code := make(chan int)
		go func() { code <- Main(ctx, []string{"serve", "--config", file}, stdout, stderr) }()
		address := stderr.find(t, `address=(\S+) tls=false`)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/none", nil)
		require.NoError(t, err)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		assert.NoError(t, response.Body.Close())
		http.DefaultClient.CloseIdleConnections()
		stdout.find(t, tt.line)
		stop()
		assert.Zero(t, <-code)
		assert.NotRegexp(t, `msg=refused|/none|\bstatus\b`, stderr.text.String())
	}
}
