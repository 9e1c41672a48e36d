package access

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// record is a line with all parts.
func record() Record {
	return Record{
		Kind: Stream, Route: "quotes", Client: netip.MustParseAddr("2001:db8::1"), Method: "GET", Protocol: "HTTP/1.1",
		Status: 200, Code: ending.Unavailable, Reason: ending.ByUpstream, Limit: ending.Streams, Duration: 1500*time.Millisecond + 1, Events: 3,
		Bytes: 1234, Resumed: ending.ByReset(ending.ResetExpired), TraceID: "0af7651916cd43dd8448eb211c80319c",
		Path: "/quotes/ACME", Query: "limit=5",
	}
}

func asText(l *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func TestTheLines(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(r *Record)
		want   string
	}{
		"a stream": {func(*Record) {}, `msg=stream route=quotes client=2001:db8::1 method=GET protocol=HTTP/1.1 status=200 ` +
			`code=UNAVAILABLE reason=upstream limit=streams duration=1.5s events=3 bytes=1234 resumed=reset reset=expired ` +
			`trace_id=0af7651916cd43dd8448eb211c80319c path=/quotes/ACME query="limit=5"`},
		"a stream without all that can be missing": {func(r *Record) {
			*r = Record{Kind: Stream}
		}, `msg=stream code=OK duration=0s events=0 bytes=0 resumed=none`},
		"a refusal": {func(r *Record) { r.Kind, r.Path, r.Query, r.TraceID = Refused, "", "", "" },
			`msg=refused route=quotes client=2001:db8::1 method=GET protocol=HTTP/1.1 status=200 code=UNAVAILABLE ` +
				`reason=upstream limit=streams duration=1.5s events=3 bytes=1234`},
		"a hostile method": {func(r *Record) {
			*r = Record{Kind: Refused, Method: "GET\nmsg=stream \"x\" \x1b[2J" + strings.Repeat("x", 100)}
		},
			`msg=refused method="GET%0Amsg=stream%20%22x%22%20%1B[2Jxxxxxxxxx..." code=OK duration=0s events=0 bytes=0`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			r := record()
			tt.change(&r)
			New(asText(&out)).Write(&r)
			assert.Equal(t, tt.want+"\n", out.String())
		})
	}
}

func TestAFloodOfRefusalsHidesNoEndOfAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := New(asText(&out))
		l.Set(Settings{Count: 10, Per: time.Second})
		for range 1000 {
			l.Write(&Record{Kind: Refused})
			l.Write(&Record{Kind: Answered})
		}
		for range 10 {
			l.Write(&Record{Kind: Stream})
		}
		assert.Equal(t, 10, strings.Count(out.String(), "msg=stream"))
		refused := strings.Count(out.String(), "msg=refused") + strings.Count(out.String(), "msg=answered")
		assert.Equal(t, 10+1990/share, refused)
		out.Reset()
		time.Sleep(time.Second)
		l.Write(&Record{Kind: Refused})
		l.Write(&Record{Kind: Stream})
		assert.Equal(t, "msg=refused code=OK duration=0s events=0 bytes=0 left_out=90\n"+
			"msg=stream code=OK duration=0s events=0 bytes=0 resumed=none\n", out.String())
	})
}

func TestCloseTellsWhatWasLeftOutLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := New(asText(&out))
		l.Set(Settings{Count: 1, Per: time.Second})
		for range 5 {
			l.Write(&Record{Kind: Stream})
			l.Write(&Record{Kind: Refused})
		}
		out.Reset()
		l.Close()
		assert.Equal(t, "msg=\"lines were left out\" of=streams left_out=4\n"+
			"msg=\"lines were left out\" of=\"other requests\" left_out=4\n", out.String())
		out.Reset()
		l.Close()
		assert.Empty(t, out.String())
	})
}

func TestSwitchingOff(t *testing.T) {
	var out bytes.Buffer
	l := New(asText(&out))
	l.Set(Settings{Off: true, Values: true})
	l.Write(&Record{})
	assert.Empty(t, out.String())
	assert.False(t, l.On())
	assert.False(t, l.Values())
	l.Set(Settings{Values: true})
	assert.True(t, l.Values())
	l.Write(&Record{})
	assert.NotEmpty(t, out.String())

	none := New(nil)
	none.Set(Settings{Values: true})
	none.Write(&Record{})
	none.Close()
	assert.False(t, none.On())
	assert.False(t, none.Values())
}

// However a client spells what it sends, a record is one line of printable characters, which reads back as it was written.
func FuzzLines(f *testing.F) {
	f.Add("GET", "/quotes/ACME", "limit=5", "quotes")
	f.Add("GET\nmsg=stream", "/a\r\nb", "a=\x1b[31m", "a b")
	f.Add("\"", "/\\\" x=\"y", "a\"=\\", "=")
	f.Add("\u009b31m", "/\u202e", "\u2028", "r\u00e4t")
	f.Fuzz(func(t *testing.T, method, path, query, route string) {
		r := record()
		none := func(string) bool { return false }
		r.Method, r.Path, r.Query = method, Path(path, none), Query(query, none)
		r.Route = route // of the operator: any text, but one that a handler of slog keeps on one line
		var text, asJSON bytes.Buffer
		New(asText(&text)).Write(&r)
		New(slog.New(slog.NewJSONHandler(&asJSON, nil))).Write(&r)
		for _, out := range []string{text.String(), asJSON.String()} {
			line, isLine := strings.CutSuffix(out, "\n")
			require.True(t, isLine)
			assert.NotContains(t, line, "\n")
			assert.NotContains(t, line, "\x1b")
		}
		var back map[string]any
		require.NoError(t, json.Unmarshal(asJSON.Bytes(), &back))
		assert.Equal(t, "stream", back["msg"])
		for key, value := range map[string]string{"path": r.Path, "query": r.Query, "method": clean(method, maxMethod)} {
			if value == "" {
				assert.NotContains(t, back, key)
				continue
			}
			assert.Equal(t, value, back[key])
			assert.NotRegexp(t, `[^!-~]|["'\\`+"`"+`]`, value)
		}
	})
}
