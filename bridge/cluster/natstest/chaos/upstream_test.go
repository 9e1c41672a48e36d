package chaos

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/reflection"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// rate is how many events a topic has in a second.
const rate = 20

// kind is a kind of route.
type kind string

// These are the kinds.
const (
	positions kind = "positions" // events have no ids of their own, so the bridge gives them its own
	ids       kind = "ids"       // ids of the upstream, which takes no cursor
	cursors   kind = "cursors"   // ids of the upstream, which goes on behind a cursor
)

// topics are the keys that clients look at, two for each kind of route.
func topics() (all []topic) {
	for _, k := range []kind{positions, ids, cursors} {
		all = append(all, topic{k, "a"}, topic{k, "b"})
	}
	return all
}

type topic struct {
	kind kind
	name string
}

func (t topic) String() string { return string(t.kind) + "/" + t.name }

// text is what the event of a topic with a number says.
func (t topic) text(sequence int64) string { return t.String() + "#" + strconv.FormatInt(sequence, 10) }

// upstream has one sequence of events for each topic, which grows all the time. It keeps a ledger of its streams.
type upstream struct {
	streamv1.UnimplementedStreamServiceServer

	address string
	began   time.Time

	mu      sync.Mutex
	streams []*reading     // guarded by mu; all so far
	open    map[string]int // guarded by mu; by topic
}

// reading is an upstream stream.
type reading struct {
	number        int
	topic, from   string
	after         int64
	began, ended  time.Time
	first, newest int64 // numbers of events that were sent
}

func (r *reading) String() string {
	end := "is open"
	if !r.ended.IsZero() {
		end = "until " + clock(r.ended)
	}
	return fmt.Sprintf("stream %d of %s from %s after %d, %s %s, sent %d to %d",
		r.number, r.topic, r.from, r.after, clock(r.began), end, r.first, r.newest)
}

func startUpstream(t *testing.T) *upstream {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u := &upstream{address: lis.Addr().String(), began: time.Now().Add(-time.Minute), open: map[string]int{}}
	s := grpc.NewServer()
	streamv1.RegisterStreamServiceServer(s, u)
	reflection.Register(s)
	var running sync.WaitGroup
	running.Go(func() { _ = s.Serve(lis) })
	t.Cleanup(func() { s.Stop(); running.Wait() })
	return u
}

// newest is the number of the newest event of each topic.
func (u *upstream) newest(now time.Time) int64 { return int64(now.Sub(u.began).Seconds() * rate) }

// due is when an event comes.
func (u *upstream) due(sequence int64) time.Time {
	return u.began.Add(time.Duration(float64(sequence) / rate * float64(time.Second)))
}

// Watch implements streamv1.StreamServiceServer.
func (u *upstream) Watch(r *streamv1.WatchRequest, out grpc.ServerStreamingServer[streamv1.Event]) error {
	mine := u.enter(r, out)
	defer u.leave(mine)
	if err := out.SendHeader(nil); err != nil {
		return err
	}
	next := u.newest(time.Now()) + 1
	if after := r.GetAfterSequence(); after > 0 {
		next = after + 1
	}
	k, name, _ := strings.Cut(mine.topic, "/")
	of := topic{kind(k), name}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ; ; next++ {
		timer.Reset(time.Until(u.due(next)))
		select {
		case <-timer.C:
		case <-out.Context().Done():
			return out.Context().Err()
		}
		e := &streamv1.Event{Sequence: next, Text: of.text(next)}
		if of.kind == positions { // elsewhere a message is the same in each stream
			e.Kind = strconv.Itoa(mine.number)
		}
		if err := out.Send(e); err != nil {
			return err
		}
		u.sent(mine, next)
	}
}

func (u *upstream) enter(r *streamv1.WatchRequest, out grpc.ServerStream) *reading {
	mine := &reading{topic: r.GetTopic(), after: r.GetAfterSequence(), began: time.Now()}
	if p, ok := peer.FromContext(out.Context()); ok {
		mine.from = p.Addr.String()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	mine.number = len(u.streams)
	u.streams = append(u.streams, mine)
	u.open[mine.topic]++
	return mine
}

func (u *upstream) sent(mine *reading, sequence int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if mine.first == 0 {
		mine.first = sequence
	}
	mine.newest = sequence
}

func (u *upstream) leave(mine *reading) {
	u.mu.Lock()
	defer u.mu.Unlock()
	mine.ended = time.Now()
	u.open[mine.topic]--
}

// now returns how many streams are open, by topic.
func (u *upstream) now() map[string]int {
	u.mu.Lock()
	defer u.mu.Unlock()
	open := map[string]int{}
	for topic, n := range u.open {
		if n != 0 {
			open[topic] = n
		}
	}
	return open
}

// opened returns how many streams there were so far, and how many of them with a cursor.
func (u *upstream) opened() (all, resumed int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, r := range u.streams {
		if r.after > 0 {
			resumed++
		}
	}
	return len(u.streams), resumed
}

// around returns the streams of a topic that were open lately.
func (u *upstream) around(of topic, since time.Time) (lines []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, r := range u.streams {
		if r.topic == of.String() && (r.ended.IsZero() || r.ended.After(since)) {
			lines = append(lines, r.String())
		}
	}
	return lines
}

// clock writes a time as logs of the processes do, without the day.
func clock(t time.Time) string { return t.Format("15:04:05.000") }
