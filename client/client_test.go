package client_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/client"
)

// ask sends a request to the handler.
func ask(method string, header ...string) *http.Response {
	r := httptest.NewRequest(method, client.Path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	client.Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestTheScriptIsServed(t *testing.T) {
	want, err := os.ReadFile("dist/grpcsse.js")
	require.NoError(t, err)
	for encoding, packed := range map[string]bool{
		"": false, "gzip": true, "br, GZIP ;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false, "identity": false, "gzip;q=1.0": true,
	} {
		t.Run(encoding, func(t *testing.T) {
			got := ask(http.MethodGet, "Accept-Encoding", encoding, "Range", "bytes=1-2")
			if !packed {
				got = ask(http.MethodGet, "Accept-Encoding", encoding)
			}
			assert.Equal(t, http.StatusOK, got.StatusCode)
			assert.Equal(t, "text/javascript; charset=utf-8", got.Header.Get("Content-Type"))
			assert.Equal(t, "no-cache", got.Header.Get("Cache-Control"))
			assert.Equal(t, "*", got.Header.Get("Access-Control-Allow-Origin"))
			assert.Equal(t, "Accept-Encoding", got.Header.Get("Vary"))
			var body io.Reader = got.Body
			if packed {
				assert.Equal(t, "gzip", got.Header.Get("Content-Encoding"))
				assert.LessOrEqual(t, got.ContentLength, int64(4096), "the script is small")
				body, err = gzip.NewReader(body)
				require.NoError(t, err)
			}
			text, err := io.ReadAll(body)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(text))

			tag := got.Header.Get("ETag")
			require.NotEmpty(t, tag)
			again := ask(http.MethodGet, "Accept-Encoding", encoding, "If-None-Match", tag)
			assert.Equal(t, http.StatusNotModified, again.StatusCode)
			other := ask(http.MethodGet, "Accept-Encoding", encoding, "If-None-Match", `"other"`)
			assert.Equal(t, http.StatusOK, other.StatusCode)
		})
	}
}

func TestTheFormsOfTheScriptHaveTagsOfTheirOwn(t *testing.T) {
	assert.NotEqual(t, ask(http.MethodGet).Header.Get("ETag"), ask(http.MethodGet, "Accept-Encoding", "gzip").Header.Get("ETag"))
}

func TestOnlyGetAndHeadAreAnswered(t *testing.T) {
	head := ask(http.MethodHead)
	assert.Equal(t, http.StatusOK, head.StatusCode)
	text, err := io.ReadAll(head.Body)
	require.NoError(t, err)
	assert.Empty(t, text)
	post := ask(http.MethodPost)
	assert.Equal(t, http.StatusMethodNotAllowed, post.StatusCode)
	assert.Equal(t, "GET, HEAD", post.Header.Get("Allow"))
}
