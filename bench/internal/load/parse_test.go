package load

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everyCut calls f with p in one piece, in every two pieces, and byte by byte.
func everyCut(p string, f func(pieces []string)) {
	f([]string{p})
	for i := 1; i < len(p); i++ {
		f([]string{p[:i], p[i:]})
	}
	f(strings.Split(p, ""))
}

func TestDechunker(t *testing.T) {
	for name, c := range map[string]struct{ wire, body string }{
		"chunks":            {"3\r\nabc\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n", "abcabcdefghijklmnopqrstuvwxyz"},
		"extensions":        {"3;a=b;c=\"d\"\r\nabc\r\n2 ; e\r\nde\r\n0;f\r\n\r\n", "abcde"},
		"trailers":          {"1\r\na\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\n", "a"},
		"leading zeros":     {"0003\r\nabc\r\n000\r\n\r\n", "abc"},
		"data like framing": {"7\r\n0\r\n\r\n5\r\r\n0\r\n\r\n", "0\r\n\r\n5\r"},
		"nothing":           {"0\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			everyCut(c.wire, func(pieces []string) {
				var d dechunker
				body := ""
				for _, piece := range pieces {
					require.False(t, d.done())
					part, err := d.decode([]byte(piece))
					require.NoError(t, err, "%q", pieces)
					body += string(part)
				}
				require.Equal(t, c.body, body, "%q", pieces)
				require.True(t, d.done(), "%q", pieces)
			})
		})
	}
}

func TestDechunkerRefuses(t *testing.T) {
	for _, wire := range []string{"\r\n", "x\r\n", "3\r\nabcd\r\n", "ffffffffffffff\r\n", "0\r\n\r\nx", ";a\r\n"} {
		var d dechunker
		_, err := d.decode([]byte(wire))
		assert.Error(t, err, "%q", wire)
	}
}

func TestBlocks(t *testing.T) {
	for name, c := range map[string]struct {
		stream   string
		blocks   []string
		comments int
	}{
		"events":              {"data: a\nid: 1\n\ndata:b\n\n", []string{"|a", "|b"}, 0},
		"a name":              {"event: quote\ndata: a\n\ndata: b\n\n", []string{"quote|a", "|b"}, 0},
		"CRLF":                {"event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", []string{"x|a", "|b"}, 0},
		"CR":                  {"event: x\rdata: a\r\rdata: b\r\r\n", []string{"x|a", "|b"}, 0},
		"mixed":               {"data: a\r\rdata: b\n\r\ndata: c\r\n\n", []string{"|a", "|b", "|c"}, 0},
		"lines of data":       {"data: a\ndata\ndata: c\n\ndata: d\n\n", []string{"|a\n\nc", "|d"}, 0},
		"heartbeats":          {":\n:\ndata: a\n\n:\ndata: b\n: in it\n\n:\n", []string{"|a", "|b"}, 5},
		"heartbeats of CRLF":  {":\r\n\r\ndata: a\r\n\r\n", []string{"|a"}, 1},
		"retry on its own":    {"retry: 2000\n:\ndata: a\n\n", []string{"|a"}, 1},
		"an id without data":  {"id: 1\n\ndata: a\n\n", []string{"|a"}, 0},
		"empty data":          {"data\n\ndata:\n\n", []string{"|", "|"}, 0},
		"one that is cut":     {"data: a\n\ndata: b\n", []string{"|a"}, 0},
		"fields of others":    {"dat: x\ndataa: y\n data: z\ndata:  a\n\n", []string{"| a"}, 0},
		"a colon in the data": {"data: {\"a\":1}\n\n", []string{`|{"a":1}`}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			everyCut(c.stream, func(pieces []string) {
				var b blocks
				var found []string
				comments := 0
				for _, piece := range pieces {
					buf := []byte(piece)
					comments += b.scan(buf, func(b block) { found = append(found, fmt.Sprintf("%s|%s", b.name, b.data)) })
					clear(buf) // the buffer is read into again
				}
				require.Equal(t, c.blocks, found, "%q", pieces)
				require.Equal(t, c.comments, comments, "%q", pieces)
			})
		})
	}
}

func TestBlocksKeepNothingBetweenEvents(t *testing.T) {
	var b blocks
	for range 3 {
		b.scan([]byte(":\ndata: a\n\n:\n"), func(block) {})
		assert.Nil(t, b.rest)
	}
}

func TestLedger(t *testing.T) {
	for name, c := range map[string]struct {
		numbers []uint64
		want    Faults
	}{
		"in order":           {[]uint64{1, 2, 3}, Faults{}},
		"from the middle":    {[]uint64{41, 42}, Faults{}},
		"a gap":              {[]uint64{1, 2, 5, 6}, Faults{Lost: 2}},
		"a repeat":           {[]uint64{1, 2, 2, 3}, Faults{Repeated: 1}},
		"another order":      {[]uint64{1, 3, 2, 4}, Faults{Lost: 1, Reordered: 1}},
		"from the beginning": {[]uint64{5, 6, 1, 2}, Faults{Reordered: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			var l ledger
			var f Faults
			for _, n := range c.numbers {
				l.enter(n, &f)
			}
			assert.Equal(t, c.want, f)
			assert.Equal(t, c.want != Faults{}, f.Any())
		})
	}
}

// A server may leave out what newer events replace, and nothing else.
func TestLedgerOfKinds(t *testing.T) {
	for name, c := range map[string]struct {
		numbers []uint64
		want    Faults
	}{
		"the newest of three kinds": {[]uint64{1, 2, 8, 9, 10, 11, 20, 21, 22}, Faults{}},
		"nothing is left out":       {[]uint64{1, 2, 3, 4, 5}, Faults{}},
		"one kind is missing":       {[]uint64{1, 2, 8, 9, 20, 21, 22}, Faults{Lost: 10}},
		"two kinds are missing":     {[]uint64{1, 5, 10}, Faults{Lost: 4}},
		"a repeat":                  {[]uint64{1, 5, 5, 6, 7}, Faults{Repeated: 1}},
		"another order":             {[]uint64{1, 5, 4, 6, 7}, Faults{Reordered: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			l := ledger{kinds: 3}
			var f Faults
			for _, n := range c.numbers {
				l.enter(n, &f)
			}
			assert.Equal(t, c.want, f)
		})
	}
}

func TestCutHead(t *testing.T) {
	const stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	for name, c := range map[string]struct {
		wire    string
		chunked bool
		rest    string
		problem string
	}{
		"chunked":        {stream + "Transfer-Encoding: chunked\r\n\r\n5\r\n", true, "5\r\n", ""},
		"until it ends":  {stream + "Connection: close\r\n\r\ndata", false, "data", ""},
		"another status": {"HTTP/1.1 503 X\r\nContent-Length: 9\r\n\r\nnot\nnow\n\n", false, "", "answered 503 X: not now"},
		"another type":   {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", false, "", `answered with "text/html"`},
		"no HTTP":        {"SSH-2.0-x\r\n\r\n", false, "", "malformed HTTP"},
		"endless":        {strings.Repeat("x", maxHead+1), false, "", "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			h, rest, err := cutHead([]byte(c.wire))
			if c.problem != "" {
				require.ErrorContains(t, err, c.problem)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.chunked, h.chunked)
			assert.Equal(t, c.rest, string(rest))
		})
	}
	h, _, err := cutHead([]byte(stream))
	require.NoError(t, err)
	assert.Nil(t, h, "not whole yet")
}
