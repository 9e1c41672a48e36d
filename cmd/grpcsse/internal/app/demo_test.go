package app_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

func TestDemoServesPageAndStreams(t *testing.T) {
	d := startDemo(t, "--listen", "127.0.0.1:0")
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
	d := startDemo(t, "--listen", "127.0.0.1:0")
	file, err := io.ReadAll(d.open(t, http.DefaultClient, "/demo.yaml").Body)
	require.NoError(t, err)
	cfg, err := config.Parse("demo.yaml", file)
	require.NoError(t, err)
	assert.Equal(t, d.grpc, cfg.Upstreams[0].Target)
	assert.Equal(t, d.page, "http://"+cfg.Server.Listen+"/")
}

func TestDemoFindsAnotherPort(t *testing.T) {
	if listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:8080"); err == nil { // otherwise somebody else has it
		defer func() { assert.NoError(t, listener.Close()) }()
	}
	d := startDemo(t)
	assert.NotContains(t, d.page, ":8080/")
	assert.Contains(t, d.stderr.String(), "127.0.0.1:8080 is taken, so a free port is used")
}

func TestDemoSpeaksBothHTTPVersions(t *testing.T) {
	d := startDemo(t, "--listen", "127.0.0.1:0")
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
	d := startDemo(t, "--listen", "127.0.0.1:0")
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
	d := startDemo(t, "--listen", "127.0.0.1:0")
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
