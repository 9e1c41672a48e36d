package wire

import (
	"bytes"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

var aSecret = []byte("a secret of 32 bytes for the test")

func newCodec(t require.TestingT, change ...func(*Settings)) *Codec {
	s := Settings{Name: "prod", Secret: aSecret, Seal: true}
	for _, c := range change {
		c(&s)
	}
	c, err := NewCodec(s)
	require.NoError(t, err)
	return c
}

func plain(s *Settings) { s.Seal = false }

// send returns the last result of decoding all pieces, of which only the last one completes a message.
func send(t require.TestingT, to *Codec, subject string, pieces [][]byte) *Message {
	for i, piece := range pieces {
		m, err := to.Decode(subject, piece)
		require.NoError(t, err)
		if i == len(pieces)-1 {
			require.NotNil(t, m)
			return m
		}
		require.Nil(t, m)
	}
	return nil
}

func TestAMessageComesAsItWas(t *testing.T) {
	for name, change := range map[string]func(*Settings){"sealed": func(*Settings) {}, "plain": plain} {
		t.Run(name, func(t *testing.T) {
			from, to := newCodec(t, change), newCodec(t, change)
			rapid.Check(t, func(t *rapid.T) {
				m := anyMessage(t, time.Now())
				limit := rapid.IntRange(minLimit, 4096).Draw(t, "limit")
				if !cuttable(m.Body) {
					limit = MaxWhole
				}
				pieces, err := from.Encode("ev.x", m, limit)
				require.NoError(t, err)
				for i, piece := range pieces {
					require.LessOrEqual(t, len(piece), limit, "piece %d of %d", i, len(pieces))
				}
				got := send(t, to, "ev.x", pieces)
				for _, piece := range pieces {
					clear(piece) // the message must not refer to the pieces
				}
				assertSame(t, m, *got)
			})
		})
	}
}

// assertSame compares messages. Times differ by what the message took, and frames are compared in all their forms.
func assertSame(t require.TestingT, want, got Message) {
	w, page := want.Body.(Page)
	if !page {
		require.Equal(t, want, got)
		return
	}
	g, ok := got.Body.(Page)
	require.True(t, ok)
	require.Equal(t, want.From, got.From)
	require.Equal(t, w.Name, g.Name)
	assertSameEvents(t, w.Page.Values, g.Page.Values)
	assertSameEvents(t, w.Page.Events, g.Page.Events)
	a, b := *w.Page, *g.Page
	a.Values, a.Events, b.Values, b.Events = nil, nil, nil, nil
	assertSameHeader(t, &a, &b)
	require.Equal(t, a, b)
}

// assertSameHeader makes values of a header equal that are no values: nil and an empty list.
func assertSameHeader(t require.TestingT, a, b *fanout.Page) {
	if a.Condition == nil || b.Condition == nil {
		return
	}
	require.Equal(t, a.Condition.Header == nil, b.Condition.Header == nil, "whether there is a header")
	require.Len(t, b.Condition.Header, len(a.Condition.Header))
	for name, values := range a.Condition.Header {
		require.True(t, slices.Equal(values, b.Condition.Header[name]), name)
	}
	ca, cb := *a.Condition, *b.Condition
	ca.Header, cb.Header = nil, nil
	a.Condition, b.Condition = &ca, &cb
}

func assertSameEvents(t require.TestingT, want, got []*replay.Event) {
	require.Len(t, got, len(want))
	for i, w := range want {
		g := got[i]
		require.Equal(t, w.Position, g.Position)
		require.Equal(t, [4]any{w.ID, w.Key, w.Subject, w.Mark}, [4]any{g.ID, g.Key, g.Subject, g.Mark})
		require.Equal(t, w.Data(), g.Data())
		require.Equal(t, w.At.IsZero(), g.At.IsZero())
		require.WithinDuration(t, w.At, g.At, time.Minute)
		made := frame.New(w.Block(), w.Data())
		for _, form := range []frame.Form{
			{}, {Chunked: true}, {Encoding: frame.Gzip}, {Encoding: frame.Zstd}, {Encoding: frame.Zstd, Chunked: true},
		} {
			require.Equal(t, made.Bytes(form), g.Frame.Bytes(form), "%+v", form)
		}
		require.Equal(t, made.Piece().Line(w.Data()), g.Frame.Piece().Line(g.Data()))
	}
}

// Clocks of replicas differ, so that the age of an event is carried, and its way is bounded.
func TestAnEventKeepsItsAge(t *testing.T) {
	for _, tt := range []struct{ clock, way, counts time.Duration }{
		{0, 0, 0},
		{0, 30 * time.Millisecond, 30 * time.Millisecond},
		{0, time.Minute, mostWay},
		{-time.Hour, time.Second, mostWay}, // the sender's clock is behind
		{time.Hour, time.Second, 0},        // the sender's clock is ahead
		{time.Second, 3 * time.Second, 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			from, to := newCodec(t, plain), newCodec(t, plain)
			e := anEvent(t, `{}`)
			e.At = time.Now().Add(-time.Hour)
			piece := one(t, from, "ev.x", Message{"A", Page{"k", &fanout.Page{Events: []*replay.Event{e}}}})
			h, err := readHeader(piece)
			require.NoError(t, err)
			h.sent += int64(tt.clock)
			h.put(piece)
			time.Sleep(tt.way)
			got := send(t, to, "ev.x", [][]byte{piece}).Body.(Page).Page.Events[0]
			assert.Equal(t, time.Hour+tt.counts, time.Since(got.At), "%+v", tt)
		})
	}
}

func TestAnEventOfTheFutureIsOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := newCodec(t), newCodec(t)
		e := anEvent(t, `{}`)
		e.At = time.Now().Add(time.Hour) // a clock that was set back
		pieces, err := from.Encode("ev.x", Message{"A", Page{"k", &fanout.Page{Events: []*replay.Event{e}}}}, 1000)
		require.NoError(t, err)
		got := send(t, to, "ev.x", pieces).Body.(Page).Page.Events[0]
		assert.Zero(t, time.Since(got.At))
	})
}

func anEvent(t require.TestingT, data string) *replay.Event {
	e, err := replay.NewEvent(replay.Position{}, []byte("data: "+data+"\n\n"), 0)
	require.NoError(t, err)
	return e
}

// The cause of an end may name addresses. It stays with the replica that has it.
func TestTheCauseOfAnEndIsNotSent(t *testing.T) {
	e := ending.Refuse(ending.Unavailable, ending.ByUpstream, "gone")
	e.Cause = assert.AnError
	end := pump.NewEnd(e, time.Second)
	pieces, err := newCodec(t, plain).Encode("ev.x", conditional(&fanout.Condition{End: &end}), 1000)
	require.NoError(t, err)
	assert.NotContains(t, string(pieces[0]), assert.AnError.Error())
	got := send(t, newCodec(t, plain), "ev.x", pieces).Body.(Page).Page.Condition.End
	want := *e
	want.Cause = nil
	assert.Equal(t, pump.NewEnd(&want, time.Second), *got)
}

// conditional returns a message that has a condition and nothing else.
func conditional(c *fanout.Condition) Message {
	return Message{"A", Page{"k", &fanout.Page{Condition: c}}}
}

func TestWhatCannotBeSent(t *testing.T) {
	c := newCodec(t)
	many := make([]string, maxCount+1)
	header := map[string][]string{"a": make([]string, maxValues)}
	for name, tt := range map[string]struct {
		m     Message
		limit int
		want  string
	}{
		"no sender":              {Message{Body: Left{"k"}}, 1000, "expected a sender's name of 1 to 128 bytes, found 0"},
		"a sender of any length": {Message{string(make([]byte, 129)), Left{"k"}}, 1000, "found 129"},
		"no body":                {Message{From: "A"}, 1000, "expected a body that this package has, found <nil>"},
		"no page":                {Message{"A", Page{Name: "k"}}, 1000, "expected a page, found none"},
		"no ending": {
			conditional(&fanout.Condition{End: &pump.End{}}), 1000, "expected the ending of a stream",
		},
		"too many names": {Message{"A", Following{many}}, 1 << 30, "message too large: expected at most 1048576 names, found 1048577"},
		"too long a header": {
			conditional(&fanout.Condition{Header: header}), 1 << 20, "message too large: expected a header of at most 4096"},
		"over the limit":    {Message{"A", Left{string(make([]byte, 400))}}, 400, "message too large: a piece may have 400 bytes"},
		"too small a limit": {bigPage(t, 500), minLimit - 1, "message too large"},
	} {
		t.Run(name, func(t *testing.T) {
			pieces, err := c.Encode("s", tt.m, tt.limit)
			require.ErrorContains(t, err, tt.want)
			assert.Nil(t, pieces)
		})
	}
}

func TestAMessageHasAGreatestSize(t *testing.T) {
	small, usual := newCodec(t), newCodec(t)
	small.parts.most = 3000
	_, err := small.Encode("s", bigPage(t, 3001), 1000)
	require.EqualError(t, err, "wire: message too large: expected at most 3000 bytes, found 3028")

	pieces, err := usual.Encode("s", bigPage(t, 3001), 1000)
	require.NoError(t, err)
	for _, piece := range pieces[:len(pieces)-1] {
		_, err = small.Decode("s", piece)
		require.NoError(t, err)
	}
	_, err = small.Decode("s", pieces[len(pieces)-1])
	require.ErrorIs(t, err, ErrTooLarge)
	assert.Empty(t, small.parts.open)
	send(t, small, "s", [][]byte{one(t, usual, "s", bigPage(t, 100))})
	assert.Equal(t, maxMessage, usual.parts.most)
}

func TestNoTwoPiecesHaveOneNumber(t *testing.T) {
	c := newCodec(t)
	big := Message{"A", Page{"k", &fanout.Page{Events: []*replay.Event{anEvent(t, string(bytes.Repeat([]byte("x"), 2000)))}}}}
	var mu sync.Mutex
	seen := map[uint64]bool{}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				pieces, err := c.Encode("ev.k", big, 512)
				assert.NoError(t, err)
				mu.Lock()
				for _, piece := range pieces {
					h, err := readHeader(piece)
					assert.NoError(t, err)
					assert.False(t, seen[h.number], h.number)
					seen[h.number] = true
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	assert.GreaterOrEqual(t, len(seen), 4*200*4)
}

func BenchmarkPage(b *testing.B) {
	for name, change := range map[string]func(*Settings){"sealed": func(*Settings) {}, "plain": plain} {
		b.Run(name, func(b *testing.B) {
			from, to := newCodec(b, change), newCodec(b, change)
			page := &fanout.Page{Term: 7, Epoch: "e"}
			for range 64 {
				page.Events = append(page.Events, anEvent(b, string(bytes.Repeat([]byte("x"), 160))))
			}
			b.ReportAllocs()
			for b.Loop() {
				pieces, err := from.Encode("ev.k", Message{"A", Page{"k", page}}, 1<<20)
				require.NoError(b, err)
				_, err = to.Decode("ev.k", pieces[0])
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/event")
		})
	}
}

// A server of NATS may carry less than a message with 500 keys.
func TestMessagesWithManyKeysAreCut(t *testing.T) {
	name := newCodec(t).Name("key")
	for _, body := range []Body{
		Beat{slices.Repeat([]End{{name, 1 << 60, name, 1 << 40, 1 << 30}}, 500)}, Following{slices.Repeat([]string{name}, 500)},
	} {
		for _, limit := range []int{MaxWhole, 4 << 10, 64 << 10} {
			from, to := newCodec(t), newCodec(t)
			pieces, err := from.Encode("beat", Message{"A", body}, limit)
			require.NoError(t, err)
			for _, piece := range pieces {
				require.LessOrEqual(t, len(piece), limit)
			}
			assert.Equal(t, body, send(t, to, "beat", pieces).Body)
		}
	}
}

func TestWhatIsOnePieceHasABound(t *testing.T) {
	name, id := string(bytes.Repeat([]byte("x"), maxName)), string(bytes.Repeat([]byte("x"), sse.MaxIDBytes))
	for _, body := range []Body{
		Entry{math.MaxUint64}, Answer{math.MaxUint64}, Left{name}, GaveUp{name, math.MaxUint64},
		Question{name, fanout.Place{Term: math.MaxUint64, Epoch: name, Next: math.MaxUint64, LastID: id, Version: math.MaxUint64}},
	} {
		pieces, err := newCodec(t).Encode("in.A", Message{name, body}, MaxWhole)
		require.NoError(t, err)
		assert.Len(t, pieces, 1)
	}
}
