package request

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

func TestTheCursorOfARequest(t *testing.T) {
	valid := func(id string) Cursor { return Cursor{ID: id, Valid: true, Value: id} }
	long := strings.Repeat("9", 4*sse.MaxIDBytes)
	for name, tt := range map[string]struct {
		query, header string
		want          Cursor
		ended         bool
	}{
		"no cursor":                         {"", "", Cursor{}, false},
		"the header":                        {"", "42", valid("42"), false},
		"an encoded id":                     {"", "~AP8", Cursor{ID: "~AP8", Valid: true, Value: "\x00\xff"}, false},
		"a link":                            {"last_event_id=7", "", valid("7"), false},
		"a polyfill":                        {"lastEventId=7", "", valid("7"), false},
		"a polyfill on a URL with a cursor": {"last_event_id=7&lastEventId=9", "", valid("9"), false},
		"a link behind a polyfill":          {"lastEventId=9&last_event_id=7", "", valid("7"), false},
		"a polyfill that adds a parameter each time": {"lastEventId=7&count=1&lastEventId=9", "", valid("9"), false},
		"escaped":                                      {"last%45ventId=%37", "", valid("7"), false},
		"escaped from the first letter":                {"%6c%61st_event_id=7", "", valid("7"), false},
		"the header wins over both":                    {"last_event_id=7&lastEventId=9", "42", valid("42"), false},
		"an invalid header wins, too":                  {"last_event_id=7", "a b", Cursor{ID: "a b"}, false},
		"an empty parameter does not count":            {"lastEventId=7&lastEventId=&last_event_id", "", valid("7"), false},
		"a name with a broken escape":                  {"lastEventId%zz=9", "", Cursor{}, false},
		"a value with a broken escape":                 {"lastEventId=%zz", "", Cursor{ID: "%zz"}, false},
		"a broken escape before a cursor":              {"lastEventId=%zz&lastEventId=7", "", valid("7"), false},
		"a broken escape behind a cursor":              {"lastEventId=7&lastEventId=%zz", "", Cursor{ID: "%zz"}, false},
		"a broken escape behind an end":                {"lastEventId=grpc-end&lastEventId=%zz", "", Cursor{ID: "%zz"}, false},
		"a parameter with another spelling":            {"LastEventID=7", "", Cursor{}, false},
		"a text that cannot be an id":                  {"lastEventId=a%20b", "", Cursor{ID: "a b"}, false},
		"a plus is a space":                            {"lastEventId=a+b", "", Cursor{ID: "a b"}, false},
		"too long":                                     {"lastEventId=" + long, "", Cursor{ID: long}, false},
		"the marker of an encoded id alone":            {"", "~", Cursor{ID: "~"}, false},
		"an end":                                       {"", sse.EndID, Cursor{}, true},
		"an end over a cursor":                         {"lastEventId=7", sse.EndID, Cursor{}, true},
		"an end of a polyfill":                         {"lastEventId=grpc-end", "", Cursor{}, true},
		"an end of a polyfill, escaped":                {"count=1&lastEventId=grpc%2Dend", "", Cursor{}, true},
		"an end of a polyfill after a cursor":          {"last_event_id=7&lastEventId=grpc-end", "", Cursor{}, true},
		"an end that may be a link":                    {"last_event_id=grpc-end", "", Cursor{}, false},
		"an end of a link behind a cursor":             {"last_event_id=7&last_event_id=grpc-end", "", valid("7"), false},
		"an end of a link behind an end of a polyfill": {"lastEventId=grpc-end&last_event_id=grpc-end", "", Cursor{}, true},
		"a header over an end":                         {"lastEventId=grpc-end", "42", valid("42"), false},
		"a cursor after an end":                        {"lastEventId=grpc-end&lastEventId=7", "", valid("7"), false},
		"an end in another case":                       {"lastEventId=Grpc-End", "", valid("Grpc-End"), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRequest(http.MethodGet, "/watch?"+tt.query, "Last-Event-ID", tt.header)
			assert.Equal(t, tt.want, r.Cursor)
			assert.Equal(t, tt.ended, r.AfterEnd)
			in, end := r.Input(nil, nil, BodyLimits{})
			assert.Nil(t, end)
			assert.Equal(t, tt.want.Valid, in.HasLastEventID)
			assert.Equal(t, tt.want.Value, in.LastEventID)
		})
	}
}

// FuzzCursor compares the cursor of a query with what slowCursor reads with the standard library.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{
		"lastEventId=7", "last_event_id=7&lastEventId=grpc-end", "l%61stEventId=%7eAP8", "lastEventId=%zz", "a=b&&=&last_event_id=+",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		want, wantEnd := slowCursor(raw)
		got, ended := queryCursor(raw)
		if got.ID != want || ended != wantEnd {
			t.Fatalf("%q: found the id %q and the end %t, expected %q and %t", raw, got.ID, ended, want, wantEnd)
		}
		if id, ok := sse.EncodeID([]byte(got.Value)); got.Valid && (!ok || id.String() != got.ID) {
			t.Fatalf("%q: the id %q carries %q, which is sent as %q", raw, got.ID, got.Value, id)
		}
		if !got.Valid && got.Value != "" || ended && got != (Cursor{}) {
			t.Fatalf("%q: found %+v and the end %t", raw, got, ended)
		}
	})
}

func slowCursor(raw string) (id string, ended bool) {
	for _, pair := range strings.Split(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || value == "" || name != "last_event_id" && name != "lastEventId" {
			continue
		}
		text, err := url.QueryUnescape(value)
		switch isEnd := text == "grpc-end" && err == nil; {
		case isEnd && name == "last_event_id":
		case isEnd:
			id, ended = "", true
		case err != nil:
			id, ended = value, false
		default:
			id, ended = text, false
		}
	}
	return id, ended
}
