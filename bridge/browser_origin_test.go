package bridge_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
)

// startPlain starts a site over HTTP/1.1.
func startPlain(web *httptest.Server) { web.Start() }

func TestBrowserSendsTheCookieOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	got := make(chan metadata.MD, 2)
	s := startServer(t, "127.0.0.1:0", hear(got))
	own := startSite(t, s, routeFile())
	page := openTab(t, own)
	other := startSite(t, s, routeFile(`cors: {origins: ["`+own.url+`"], credentials: true}`,
		"metadata: {forward: [cookie]}", "on_end: reconnect", "event: {id: sequence, retry: "+soon+"}"))
	page.do(t, `Boolean(document.cookie = "session=s3cret; path=/")`)
	page.do(t, `watch(%s, [], {withCredentials: true})`, other.url+"/watch/x")
	page.until(t, "told.filter((e) => e.type === 'open').length >= 2")
	for range 2 {
		assert.Equal(t, []string{"session=s3cret"}, receive(t, got).Get("cookie"))
	}
	assert.Equal(t, "1", other.seen()[1].lastEventID, "the browser sends no preflight")
	assert.Empty(t, own.seen())
}

func TestBrowserKeepsTheCookieFromAnyOrigin(t *testing.T) {
	t.Parallel()
	got := make(chan metadata.MD, 1)
	s := startServer(t, "127.0.0.1:0", hear(got))
	own := startSite(t, s, routeFile())
	page := openTab(t, own)
	other := startSite(t, s, routeFile(`cors: {origins: ["*"]}`, "metadata: {forward: [cookie]}"))
	page.do(t, `Boolean(document.cookie = "session=s3cret; path=/")`)
	page.watch(t, other.url+"/watch/x")
	all := page.requireSequence(t, 1)
	assert.Equal(t, []string{"open", "message"}, types(all)[:2])
	assert.Empty(t, receive(t, got).Get("cookie"))
}

func TestBrowserIsRefusedForAForeignPage(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", count(1, nil))
	own := startSite(t, s, routeFile())
	page := openTab(t, own)
	for name, file := range map[string]string{
		"no cors":        routeFile(),
		"another origin": routeFile(`cors: {origins: ["https://app.example.com"], credentials: true}`),
	} {
		t.Run(name, func(t *testing.T) {
			other := startSite(t, s, file)
			page.do(t, `(told.length = 0, watch(%s, [], {withCredentials: true}))`, other.url+"/watch/x")
			page.until(t, "source.readyState === EventSource.CLOSED")
			assert.Equal(t, []string{"error"}, types(page.all(t)))
			visits := other.seen()
			require.Len(t, visits, 1)
			assert.Equal(t, 403, visits[0].status)
		})
	}
	assert.Zero(t, s.opened.Load(), "a stream was opened")
}
