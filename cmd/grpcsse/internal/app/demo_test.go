package app_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/app"
)

func TestDemoServesPageAndStreams(t *testing.T) {
	d := startDemo(t)
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()

	page := d.open(t, client, "/")
	html, err := io.ReadAll(page.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, page.StatusCode)
	assert.Contains(t, string(html), "set: {after_sequence: &#34;${last_event_id}&#34;}", "the page shows its routes")

	quotes := d.open(t, client, "/quotes/AAPL")
	assert.Equal(t, "text/event-stream", quotes.Header.Get("Content-Type"))
	lines := bufio.NewScanner(quotes.Body)
	read := readUntil(t, lines, "data: ")
	assert.Contains(t, read[len(read)-1], `"symbol":"AAPL"`)
	readUntil(t, lines, "id: ")

	job := bufio.NewScanner(d.open(t, client, "/jobs/backup").Body)
	assert.Contains(t, readUntil(t, job, "data: "), `data: {"name":"backup","step":"preparing","progress":0}`)

	fault := d.open(t, client, "/fault?code=UNAUTHENTICATED")
	assert.Equal(t, "16", fault.Header.Get("Grpc-Status"))
}

func TestDemoOffersItsConfiguration(t *testing.T) {
	d := startDemo(t)
	file, err := io.ReadAll(d.open(t, http.DefaultClient, "/demo.yaml").Body)
	require.NoError(t, err)
	cfg, err := config.Parse("demo.yaml", file)
	require.NoError(t, err)
	assert.Equal(t, d.grpc, cfg.Upstreams[0].Target)
	assert.Equal(t, d.page, "http://"+cfg.Server.Listen+"/")
}

func TestDemoFindsOtherPorts(t *testing.T) {
	for _, usual := range []string{"127.0.0.1:8080", "127.0.0.1:50051"} {
		if listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", usual); err == nil { // otherwise another program has it
			defer func() { assert.NoError(t, listener.Close()) }()
		}
	}
	d := startDemo(t, "--listen=", "--grpc=")
	assert.NotContains(t, d.page, ":8080/")
	assert.NotContains(t, d.grpc, ":50051")
	page := strings.TrimSuffix(strings.TrimPrefix(d.page, "http://"), "/")
	assert.Contains(t, d.stderr.String(), "127.0.0.1:8080 is taken, so "+page+" is used; --listen chooses another")
	assert.Contains(t, d.stderr.String(), "127.0.0.1:50051 is taken, so "+d.grpc+" is used; --grpc chooses another")
}

func TestAPortThatWasAskedForIsNotReplaced(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, listener.Close()) }()
	for _, option := range []string{"--listen", "--grpc"} {
		args := map[string]string{"--listen": "127.0.0.1:0", "--grpc": "127.0.0.1:0"}
		args[option] = listener.Addr().String()
		var stdout, stderr output
		code := app.Main(t.Context(), []string{"demo", "--listen", args["--listen"], "--grpc", args["--grpc"]}, &stdout, &stderr)
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr.String(), "address already in use\nhint: another program listens there: choose another address with "+option)
		assert.Empty(t, stdout.String())
	}
}

func TestDemoServesOnIPv6(t *testing.T) {
	if listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "[::1]:0"); err != nil {
		t.Skipf("skipped: this machine has no IPv6 loopback: %v", err)
	} else {
		require.NoError(t, listener.Close())
	}
	d := startDemo(t, "--listen", "[::1]:0", "--grpc", "[::1]:0")
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	assert.Contains(t, d.page, "http://[::1]:")
	readUntil(t, bufio.NewScanner(d.open(t, client, "/quotes/AAPL").Body), "id: ")
	d.press(t, client, "crowd/start?browsers=2")
	figures := bufio.NewScanner(d.open(t, client, "/crowd").Body)
	for figures.Scan() && !strings.Contains(figures.Text(), `"current":2`) {
	}
	require.NoError(t, figures.Err())
}

// What the page offers for a terminal can be pasted there: it names the program as it was started, and addresses as they are.
func TestThePageOffersCommandsThatRun(t *testing.T) {
	d := startDemo(t)
	html, err := io.ReadAll(d.open(t, http.DefaultClient, "/").Body)
	require.NoError(t, err)
	executable, err := os.Executable() // the test is the program that serves the page
	require.NoError(t, err)
	_, terminal, found := strings.Cut(string(html), "In your terminal")
	require.True(t, found)
	terminal, _, _ = strings.Cut(terminal, "</pre>")
	assert.Contains(t, terminal, "curl -N '"+d.page+"quotes/AAPL'\n")
	assert.Contains(t, terminal, filepath.Base(executable)+" routes --upstream "+d.grpc+"\n")
	second := regexp.MustCompile(` serve --upstream ` + regexp.QuoteMeta(d.grpc) + ` --listen (127\.0\.0\.1:[1-9]\d*)\n`).FindStringSubmatch(terminal)
	require.NotNil(t, second, "%s", terminal)
	assert.Contains(t, terminal, "curl -N 'http://"+second[1]+"/demo.market.v1.MarketService/WatchQuotes?symbol=AAPL'")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", second[1])
	require.NoError(t, err, "the second bridge has a port of its own")
	require.NoError(t, listener.Close())
}

func TestDemoSpeaksBothHTTPVersions(t *testing.T) {
	d := startDemo(t)
	for version, set := range map[string]func(*http.Protocols){
		"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
		"HTTP/2.0": func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) },
	} {
		t.Run(version, func(t *testing.T) {
			protocols := new(http.Protocols)
			set(protocols)
			client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
			defer client.CloseIdleConnections()
			count := d.open(t, client, "/count")
			defer func() { assert.NoError(t, count.Body.Close()) }()
			assert.Equal(t, version, count.Proto)
			assert.Contains(t, readUntil(t, bufio.NewScanner(count.Body), "data: "), `data: {"count":1,"goal":100}`)
		})
	}
}

func TestTheEndOfTheProgramEndsStreamsInGoodOrder(t *testing.T) {
	d := startDemo(t)
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	lines := bufio.NewScanner(d.open(t, client, "/count").Body)
	readUntil(t, lines, "data: ")

	d.stop()
	readUntil(t, lines, "event: grpc-status")
	require.True(t, lines.Scan())
	assert.Contains(t, lines.Text(), `"status":"UNAVAILABLE"`)
	assert.Contains(t, lines.Text(), `"retry":true,"reason":"drain"`)
	<-d.ended
	assert.Zero(t, d.code)
	assert.Contains(t, d.stderr.String(), "msg=stopped")
}

// A browser that is refused a connection may give up for good, so the listener stays until the last stream has ended.
func TestListeningGoesOnUntilTheLastStreamHasEnded(t *testing.T) {
	d := startDemo(t)
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	var streams []*bufio.Scanner
	for range 20 { // the last of so many ends late within the drain
		lines := bufio.NewScanner(d.open(t, client, "/count").Body)
		readUntil(t, lines, "data: ")
		streams = append(streams, lines)
	}
	d.stop()
	require.Eventually(t, func() bool {
		return d.open(t, client, "/count").Header.Get("Grpc-Status") == "14" // known when the header was written: turned away
	}, 10*time.Second, 10*time.Millisecond)
	select {
	case <-d.ended:
		t.Fatal("the program ended before its streams: the test saw nothing of the drain")
	default:
	}
	for _, lines := range streams {
		readUntil(t, lines, "event: grpc-status")
	}
	<-d.ended
	assert.Zero(t, d.code)
}
