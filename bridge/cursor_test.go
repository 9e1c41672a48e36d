package bridge_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheCursorIsKnownUnderEverySpelling(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile(`request: {set: {after_sequence: "${last_event_id}"}}`, "event: {id: sequence}"))
	for name, tt := range map[string]struct{ query, header, want string }{
		"the header":                        {"", "42", "42"},
		"a link":                            {"?last_event_id=7", "", "7"},
		"a polyfill":                        {"?lastEventId=7", "", "7"},
		"a polyfill on a URL with a cursor": {"?last_event_id=7&lastEventId=9", "", "9"},
		"a polyfill that adds a parameter each time": {"?lastEventId=7&count=1&lastEventId=9", "", "9"},
		"escaped":                           {"?last%45ventId=%37", "", "7"},
		"the header wins over both":         {"?last_event_id=7&lastEventId=9", "42", "42"},
		"an empty parameter does not count": {"?lastEventId=7&lastEventId=&last_event_id", "", "7"},
		"a name with a broken escape":       {"?lastEventId%zz=9", "", ""},
		"an end that may be a link":         {"?last_event_id=grpc-end", "", ""},
		"an end behind a cursor":            {"?last_event_id=7&last_event_id=grpc-end", "", "7"},
		"a header over an end":              {"?lastEventId=grpc-end", "42", "42"},
		"a cursor after an end":             {"?lastEventId=grpc-end&lastEventId=7", "", "7"},
		"a parameter with another spelling": {"?LastEventID=7", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := eventSource(t.Context(), t, f.url+"/watch/x"+tt.query)
			if tt.header != "" {
				r.Header.Set("Last-Event-ID", tt.header)
			}
			resp := do(t, clients(t)["HTTP1"], r)
			require.Equal(t, http.StatusOK, resp.StatusCode)
			got := newReader(resp).all(t)
			if name == "a name with a broken escape" {
				require.Len(t, got, 1)
				assert.Contains(t, got[0].data, "two hexadecimal digits")
				return
			}
			require.Len(t, got, 2, "no reset")
			var request struct{ AfterSequence string }
			decode(t, echoed(t, got[0]), &request)
			assert.Equal(t, tt.want, request.AfterSequence)
		})
	}
}

func TestAPolyfillThatComesBackAfterTheEndIsStopped(t *testing.T) {
	s := startServer(t, "127.0.0.1:0", echo)
	f := startFront(t, s, routeFile())
	for query, want := range map[string]int{
		"?lastEventId=grpc-end":                 http.StatusNoContent,
		"?count=1&lastEventId=grpc%2Dend":       http.StatusNoContent,
		"?last_event_id=7&lastEventId=grpc-end": http.StatusNoContent,
		"?lastEventId=7&lastEventId=grpc-end":   http.StatusNoContent,
		"?last_event_id=grpc-end":               http.StatusOK,
		"?lastEventId=grpc-end,":                http.StatusOK,
		"?lastEventId=Grpc-End":                 http.StatusOK,
		"?lasteventid=grpc-end":                 http.StatusOK,
	} {
		resp := do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"+query))
		assert.Equal(t, want, resp.StatusCode, query)
	}
}
