package sseclient_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
)

func newClient(t *testing.T, o sseclient.Options) *sseclient.Client {
	t.Helper()
	client, err := sseclient.New(o)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func serve(t *testing.T, handler http.HandlerFunc) *url.URL {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	return at
}

// open asks for a stream as a test that is to end in 20 seconds.
func open(t *testing.T, client *sseclient.Client, at *url.URL, cursor string) (*http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	response, err := client.Open(ctx, at, cursor)
	if err == nil {
		t.Cleanup(func() { _ = response.Body.Close() })
	}
	return response, err
}

func TestWhatIsTypedIsReadAsAURL(t *testing.T) {
	for text, want := range map[string]string{
		"http://a/b?c=d":      "http://a/b?c=d",
		"https://a":           "https://a",
		"localhost:8080/x":    "http://localhost:8080/x",
		"127.0.0.1:80":        "http://127.0.0.1:80",
		"a/b?u=http://c":      "expected",
		"ftp://a":             "expected a URL that begins with http:// or https://, found ftp://",
		"":                    "expected a URL with a host",
		"http:///x":           "expected a URL with a host",
		"http://a:b/":         "expected a URL like http://127.0.0.1:8080/quotes",
		"http://a/\x1b[2J":    "expected a URL like",
		"://":                 "expected a URL like",
		"unix:///run/x.sock":  "found unix://",
		"http://[::1]:80/a b": "http://[::1]:80/a%20b",
	} {
		at, err := sseclient.ParseURL(text)
		if strings.HasPrefix(want, "http") {
			if assert.NoError(t, err, text) {
				assert.Equal(t, want, at.String())
			}
			continue
		}
		assert.ErrorContains(t, err, want, text)
	}
}

func TestHeadersAreChecked(t *testing.T) {
	header, err := sseclient.ParseHeaders([]string{"Authorization: Bearer a,b", "X-One:1", "x-one: 2", "Empty:"})
	require.NoError(t, err)
	assert.Equal(t, http.Header{"Authorization": {"Bearer a,b"}, "X-One": {"1", "2"}, "Empty": {""}}, header)
	for line, want := range map[string]string{
		"Bearer secret": "found one without a colon", "a b: c": "expected the name of a header", ": c": "expected the name",
		"A: b\r\nC: d": "the header A has a character that headers cannot have",
	} {
		_, err := sseclient.ParseHeaders([]string{line})
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestARequestIsThatOfAnEventSource(t *testing.T) {
	asked := make(chan *http.Request, 1)
	at := serve(t, func(_ http.ResponseWriter, r *http.Request) { asked <- r })
	client := newClient(t, sseclient.Options{Header: http.Header{"X-Tenant": {"7"}, "Host": {"stream.example"}}})
	_, err := open(t, client, at, "47 11")
	require.NoError(t, err)
	r := <-asked
	assert.Equal(t, "text/event-stream", r.Header.Get("Accept"))
	assert.Equal(t, "47 11", r.Header.Get("Last-Event-ID"))
	assert.Equal(t, "7", r.Header.Get("X-Tenant"))
	assert.Equal(t, "stream.example", r.Host)
	_, err = open(t, client, at, "no\x01header")
	require.NoError(t, err)
	assert.Empty(t, (<-asked).Header.Values("Last-Event-ID"))
}

// A redirect is followed. The user's headers stay with the host for which they were meant.
func TestARedirectToAnotherHostGetsNoHeadersOfTheUser(t *testing.T) {
	asked := make(chan http.Header, 2)
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header })
	here := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.String(), http.StatusTemporaryRedirect)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/near":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			asked <- r.Header
		}
	})
	client := newClient(t, sseclient.Options{Header: http.Header{"X-Key": {"secret"}, "Accept": {"text/*"}}})
	for path, want := range map[string]http.Header{
		"/near": {"X-Key": {"secret"}, "Accept": {"text/*"}}, "/away": {"X-Key": nil, "Accept": {"text/event-stream"}},
	} {
		_, err := open(t, client, here.JoinPath(path), "5")
		require.NoError(t, err)
		header := <-asked
		assert.Equal(t, "5", header.Get("Last-Event-ID"), path)
		for name, values := range want {
			assert.Equal(t, values, header.Values(name), path)
		}
	}
	_, err := open(t, client, here.JoinPath("/round"), "")
	assert.ErrorContains(t, err, "redirects more than 20 times")
	_, err = open(t, client, here.JoinPath("/file"), "")
	assert.ErrorContains(t, err, "unsupported protocol scheme")
}

func TestACertificateIsTrustedWhereTheUserSaysSo(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&block), 0o600))

	_, err = open(t, newClient(t, sseclient.Options{}), at, "")
	var failed *sseclient.OpenError
	require.ErrorAs(t, err, &failed)
	assert.Contains(t, failed.Hint(), "--cacert")
	for _, o := range []sseclient.Options{{CACert: file}, {Insecure: true}} {
		response, err := open(t, newClient(t, o), at, "")
		require.NoError(t, err)
		assert.Equal(t, 2, response.ProtoMajor)
	}
	_, err = sseclient.New(sseclient.Options{CACert: filepath.Join(t.TempDir(), "none.pem")})
	assert.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(file, []byte("no certificate"), 0o600))
	_, err = sseclient.New(sseclient.Options{CACert: file})
	assert.ErrorContains(t, err, "expected certificates in PEM, found none")
}

func TestAnAnswerThatIsNoStream(t *testing.T) {
	for name, tt := range map[string]struct {
		status            int
		contentType, body string
		header            string // Grpc-Status
		want              string // of the error; empty where it is a stream
		code              int
	}{
		"a stream":               {status: 200, contentType: "text/event-stream"},
		"with a charset":         {status: 200, contentType: "Text/Event-Stream; charset=utf-8"},
		"with a bad parameter":   {status: 200, contentType: "text/event-stream; x"},
		"a page":                 {status: 200, contentType: "text/html", want: "expected Content-Type text/event-stream, found text/html", code: 1},
		"a longer type":          {status: 200, contentType: "text/event-streams", want: "found text/event-streams", code: 1},
		"a status of the bridge": {status: 503, contentType: "application/json", body: `{"code":14,"status":"UNAVAILABLE","message":"no \u001b[31mserver"}`, want: `the server answered 503 (UNAVAILABLE: no \x1b[31mserver)`, code: 78},
		"a status in the header": {status: 404, header: "5", want: "the server answered 404 (gRPC status 5)", code: 69},
		"text":                   {status: 502, contentType: "text/plain", body: "bad\ngateway\x1b", want: `the server answered 502 (bad\ngateway\x1b)`, code: 1},
		"nothing more":           {status: 418, want: "the server answered 418 I'm a teapot", code: 1},
		"a status of no gRPC":    {status: 500, body: `{"code":99,"status":"X"}`, want: "(X)", code: 66},
	} {
		t.Run(name, func(t *testing.T) {
			at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.contentType)
				if tt.header != "" {
					w.Header().Set("Grpc-Status", tt.header)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			response, err := open(t, newClient(t, sseclient.Options{}), at, "")
			require.NoError(t, err)
			err = sseclient.Check(response)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
			var refusal *sseclient.Refusal
			require.ErrorAs(t, err, &refusal)
			assert.Equal(t, tt.code, refusal.ExitCode())
		})
	}
	t.Run("204", func(t *testing.T) {
		at := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		response, err := open(t, newClient(t, sseclient.Options{}), at, "")
		require.NoError(t, err)
		assert.ErrorIs(t, sseclient.Check(response), sseclient.ErrNoContent)
	})
}

// The body of an error is read for a while, not until its end.
func TestTheBodyOfAnErrorMayHaveNoEnd(t *testing.T) {
	for name, pause := range map[string]bool{"fast": false, "silent": true} {
		t.Run(name, func(t *testing.T) {
			at := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				w.WriteHeader(http.StatusBadGateway)
				for r.Context().Err() == nil {
					_, _ = io.WriteString(w, strings.Repeat("x", 1000))
					_ = http.NewResponseController(w).Flush()
					if pause {
						<-r.Context().Done()
					}
				}
			})
			response, err := open(t, newClient(t, sseclient.Options{}), at, "")
			require.NoError(t, err)
			err = sseclient.Check(response)
			require.ErrorContains(t, err, "the server answered 502 (xxx")
			assert.Less(t, len(err.Error()), 400)
		})
	}
}

func TestAServerThatSpeaksTLSIsNamed(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	at, err := url.Parse(strings.Replace(server.URL, "https://", "http://", 1))
	require.NoError(t, err)
	response, err := open(t, newClient(t, sseclient.Options{}), at, "")
	require.NoError(t, err)
	var refusal *sseclient.Refusal
	require.True(t, errors.As(sseclient.Check(response), &refusal))
	assert.Contains(t, refusal.Hint(), "https://")

	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	plain.Scheme = "https"
	_, err = open(t, newClient(t, sseclient.Options{}), plain, "")
	var failed *sseclient.OpenError
	require.ErrorAs(t, err, &failed)
	assert.Contains(t, failed.Hint(), "http://")
}

func TestAHeaderWithoutAnEndIsRefused(t *testing.T) {
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 100 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 10_000))
		}
	})
	_, err := open(t, newClient(t, sseclient.Options{}), at, "")
	assert.ErrorContains(t, err, "exceeded")
}

func TestAStatusIsReadFromItsEventOnly(t *testing.T) {
	status := `{"code":5,"status":"NOT_FOUND","message":"none","retry":false}`
	got := sseclient.StatusOf(event{Name: "grpc-status", Data: status})
	require.NotNil(t, got)
	assert.Equal(t, "NOT_FOUND: none", got.String())
	assert.Equal(t, 69, got.ExitCode())
	for _, e := range []event{{Data: status}, {Name: "grpc-status", Data: "x"}, {Name: "grpc-status", Data: `{"code":-1}`}} {
		assert.Nil(t, sseclient.StatusOf(e))
	}
}
