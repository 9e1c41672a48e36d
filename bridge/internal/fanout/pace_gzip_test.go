package fanout_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// twins are two subscribers that always do the same, one of them in gzip. What the one in gzip was sent must be what the other one was
// sent.
type twins struct {
	plain, zipped *fanout.Subscriber
	form          frame.Form
	limit, every  int  // of bytes in one read, and of rounds between two reads
	interjects    bool // a comment stands before each read

	want, sent []byte
}

func (w *world) twins(limit, every int, interjects bool) *twins {
	form := frame.Form{Encoding: frame.Gzip}
	return &twins{
		plain: w.join(fanout.Newcomer{}).Subscriber, zipped: w.join(fanout.Newcomer{Form: form}).Subscriber,
		form: form, limit: limit, every: every, interjects: interjects, sent: form.Preface(),
	}
}

// read reads until nothing is left.
func (tw *twins) read() {
	const comment = ":\n\n"
	for {
		if tw.interjects {
			tw.plain.Interjected()
			tw.zipped.Interjected()
			tw.want, tw.sent = append(tw.want, comment...), tw.form.Append(tw.sent, []byte(comment))
		}
		pieces, _ := tw.plain.Peek(nil, tw.limit)
		tw.plain.Advance(len(pieces))
		zipped, _ := tw.zipped.Peek(nil, tw.limit)
		tw.zipped.Advance(len(zipped))
		tw.want, tw.sent = append(tw.want, bytes.Join(pieces, nil)...), append(tw.sent, bytes.Join(zipped, nil)...)
		if len(pieces) == 0 && len(zipped) == 0 {
			return
		}
	}
}

// requireSame decodes what was sent in gzip.
func (tw *twins) requireSame(t *testing.T) {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(tw.sent))
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "there is no trailer")
	require.Equal(t, string(tw.want), string(got))
}

// likeNeighbours is an event that has much in common with one of its neighbours, and another length than both.
func likeNeighbours(i int, subject string) string {
	return fmt.Sprintf("%.20x%s%.20x~%s#%d", sha256.Sum256(fmt.Append(nil, i/2)), strings.Repeat("-", i%7), sha256.Sum256(fmt.Append(nil, (i+1)/2)), subject, i)
}

// An event in gzip may refer to the event before it. Where events were skipped, that is the last one which the connection has had, and
// it differs from one connection to another. A wrong reference decodes to wrong data without an error.
func TestGzipIsRightWhereEventsWereSkipped(t *testing.T) {
	both(t, func(t *testing.T, newest bool) {
		inPacedWorld(t, paced(newest), func(w *world, _ *page, up *attempt) {
			all := map[string]*twins{
				"at once": w.twins(testLimit, 1, false), "one by one": w.twins(1, 1, false), "slow": w.twins(testLimit, 3, false),
				"slow, one by one": w.twins(1, 2, false), "without references": w.twins(1, 1, true),
			}
			skipped := 0
			w.registry.Hooks.Superseded = func(_ string, n int) { skipped += n }
			for round := range 30 {
				var events []string
				for i := range 1 + round%6 {
					events = append(events, likeNeighbours(6*round+i, []string{"x", "y", "x", "", "x", "z"}[(round+i)%6]))
				}
				require.NoError(t, up.send(events...))
				after(100 * time.Millisecond)
				for _, tw := range all {
					if round%tw.every == 0 {
						tw.read()
					}
				}
			}
			for name, tw := range all {
				tw.read()
				tw.requireSame(t)
				assert.NotEmpty(t, tw.want, name)
			}
			assert.Less(t, len(all["one by one"].sent), len(all["without references"].sent)*9/10, "there are references")
			assert.Equal(t, newest, skipped > 0)
		})
	})
}

// A round may have more events than are read from the log in one go.
func TestALongRoundHasTheNewestOfEachSubjectOnce(t *testing.T) {
	for _, limit := range []int{1, 500, testLimit} {
		s := paced(true)
		s.Bounds.Events = 10_000
		inPacedWorld(t, s, func(w *world, _ *page, up *attempt) {
			tw := w.twins(limit, 1, false)
			require.NoError(t, up.send("first#first"))
			tw.read()
			want := "data: first\nid: first\n\n"
			for i := range 300 {
				subject := "x"
				if i%2 == 0 || i == 299 {
					subject = ""
					want += fmt.Sprintf("data: %d\nid: %d\n\n", i, i)
				}
				if i == 297 {
					want += "data: 297\nid: 297\n\n"
				}
				require.NoError(t, up.send(fmt.Sprintf("%d~%s#%d", i, subject, i)))
			}
			tw.read()
			assert.Equal(t, "data: first\nid: first\n\n", string(tw.want), "the others wait")
			after(100 * time.Millisecond)
			tw.read()
			assert.Equal(t, want, string(tw.want))
			tw.requireSame(t)
		})
	}
}
