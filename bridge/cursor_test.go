package bridge_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestTheCursorIsKnownUnderEverySpelling(t *testing.T) {
	up := bridgetest.NewUpstream(t, scripted)
	_, url := bridgetest.NewBridge(t, up.YAML(upstreamFile(`request: {set: {after_sequence: "${last_event_id}"}}`, "event: {id: sequence}")))
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
			var header []string
			if tt.header != "" {
				header = []string{"Last-Event-ID", tt.header}
			}
			page := bridgetest.Open(t, url+"/watch/x"+tt.query, header...)
			if name == "a name with a broken escape" {
				assert.Contains(t, page.ExpectEnd(`{"status": "INVALID_ARGUMENT"}`).Data, "two hexadecimal digits")
				return
			}
			call := up.NextCall("Watch")
			assert.Equal(t, parseCursor(t, tt.want), call.Request.(*streamv1.WatchRequest).GetAfterSequence())
			call.SendJSON("{}")
			assert.Equal(t, http.StatusOK, page.Status())
			page.ExpectEvent("", `{"sequence": "0"}`) // no reset
			call.End(nil)
			page.ExpectEnd(`{"status": "OK"}`)
		})
	}
}

// parseCursor returns the number of a cursor, 0 for none.
func parseCursor(t *testing.T, text string) int64 {
	t.Helper()
	if text == "" {
		return 0
	}
	return parseInt(t, text)
}

func TestAPolyfillThatComesBackAfterTheEndIsStopped(t *testing.T) {
	up := bridgetest.NewUpstream(t, serves(echo))
	_, url := bridgetest.NewBridge(t, up.YAML(upstreamFile()))
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
		assert.Equal(t, want, bridgetest.Open(t, url+"/watch/x"+query).Status(), query)
	}
}
