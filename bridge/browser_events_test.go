package bridge_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// send sends events. After them it sends nothing, and waits until the client leaves.
func send(events ...*streamv1.Event) watch {
	return func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for _, e := range events {
			if err := stream.Send(e); err != nil {
				return err
			}
		}
		return untilCancelled(r, stream)
	}
}

func TestBrowserDeliversEventsByName(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", send(
		&streamv1.Event{Sequence: 1, Body: &streamv1.Event_Note{Note: "n"}},
		&streamv1.Event{Sequence: 2, Body: &streamv1.Event_Error{Error: "e"}},
		&streamv1.Event{Sequence: 3, Body: &streamv1.Event_Change{Change: &streamv1.Filter{Venue: "v"}}},
		&streamv1.Event{Sequence: 4},
	))
	st := startSite(t, s, routeFile("event: {id: sequence, name: body}"))
	page := openTab(t, st)
	page.watch(t, "/watch/x", "note", "change")
	all := page.requireSequence(t, 1)
	assert.Equal(t, []string{"open", "note", "error_", "change", "message"}, types(all), "no event is an error event")
	for i, e := range all[1:] {
		assert.Equal(t, fmt.Sprint(i+1), e.ID)
		assert.Equal(t, int64(i+1), e.sequence(t))
	}
}

func TestBrowserGetsTextUnchanged(t *testing.T) {
	t.Parallel()
	texts := []string{
		"Grüße, 日本語, 🎉, \u202eright to left\u202c", "\u2028\u2029\u0085", "a\x00b", "line\nline\r\nline\r", "\ufeffBOM",
		`"quotes" \ </script>`, "data: x\n\nid: forged\n\n", "",
		strings.Repeat("one megabyte of 日本語 ", 1<<20/len("one megabyte of 日本語 ")+1),
	}
	var events []*streamv1.Event
	for i, text := range texts {
		events = append(events, &streamv1.Event{Sequence: int64(i + 1), Text: text})
	}
	for name, start := range map[string]func(*testing.T, *server, string) *site{"HTTP1": startSite, "TLS h2": startTLSSite} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := start(t, startServer(t, "127.0.0.1:0", send(events...)), routeFile("event: {id: sequence}"))
			page := openTab(t, st)
			page.watch(t, "/watch/x")
			all := page.requireSequence(t, len(texts))
			require.Equal(t, upTo(len(texts)), sequences(t, all))
			for i, e := range all[1:] {
				var data struct{ Text string }
				require.NoError(t, json.Unmarshal([]byte(e.Data), &data))
				assert.True(t, texts[i] == data.Text, "text %d: %.100q", i, data.Text)
			}
			// The result of JSON.parse in the page is compared, too.
			assert.Equal(t, texts[:8], value[[]string](t, page,
				"told.filter((e) => e.type === 'message').slice(0, 8).map((e) => JSON.parse(e.data).text)"))
		})
	}
}

func TestBrowserSeesNoHeartbeats(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", sendAfter(3, 300*time.Millisecond))
	st := startSite(t, s, routeFile("heartbeat: 10ms", "event: {id: sequence}"))
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	page.requireSequence(t, 3)
	assert.Equal(t, []string{"open", "message", "message", "message"}, types(page.all(t)))
}

func TestBrowserOpensASilentStream(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", untilCancelled)
	st := startSite(t, s, routeFile("open_wait: 50ms"))
	page := openTab(t, st)
	page.watch(t, "/watch/x")
	page.until(t, "source.readyState === EventSource.OPEN")
	assert.Equal(t, []string{"open"}, types(page.all(t)))
}

func TestBrowserReceivesAResetAndStaysConnected(t *testing.T) {
	t.Parallel()
	s := startServer(t, "127.0.0.1:0", sendAfter(2, 0))
	st := startSite(t, s, resumableSoon())
	page := openTab(t, st)
	page.watch(t, "/watch/x?last_event_id=yesterday%00")
	all := page.requireSequence(t, 2)
	assert.Equal(t, []string{"open", "grpc-reset", "message", "message"}, types(all))
	assert.JSONEq(t, `{"reason":"invalid","last_event_id":"yesterday\u0000"}`, all[1].Data)

	// From now on the browser has a cursor of its own, which has precedence over the cursor in its URL.
	st.cut(t)
	all = page.requireSequence(t, 4)
	assert.Equal(t, upTo(4), sequences(t, all))
	assert.Equal(t, 1, strings.Count(strings.Join(types(all), " "), "grpc-reset"))
}

// The upstream sends 10,000 events a second, or as many as the machine can send.
func TestBrowserKeepsUpWithAFastStream(t *testing.T) { // not parallel: the test needs the whole machine
	const (
		total = 20_000
		batch = 100
		every = 10 * time.Millisecond
	)
	text := strings.Repeat("x", 100)
	s := startServer(t, "127.0.0.1:0", func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n := int64(1); n <= total; n++ {
			if err := stream.Send(&streamv1.Event{Sequence: n, Text: text}); err != nil {
				return err
			}
			if n%batch == 0 {
				<-tick.C
			}
		}
		return nil
	})
	st := startParkedSite(t, s, routeFile("event: {id: sequence}"))
	page := openTab(t, st)
	began := time.Now()
	page.do(t, "countUp('/watch/x')")
	page.until(t, "tally.ended || tally.errors > 0")
	took := time.Since(began)
	type tally struct {
		Events, Last, Disorder, Errors int
		Ended                          bool
	}
	assert.Equal(t, tally{Events: total, Last: total, Ended: true}, value[tally](t, page, "tally"))
	t.Logf("%.0f events a second", total/took.Seconds())
}
