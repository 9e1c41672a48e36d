package demo

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	activityv1 "github.com/grpcsse/grpcsse/gen/demo/activity/v1"
	counterv1 "github.com/grpcsse/grpcsse/gen/demo/counter/v1"
	faultv1 "github.com/grpcsse/grpcsse/gen/demo/fault/v1"
	jobv1 "github.com/grpcsse/grpcsse/gen/demo/job/v1"
	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
	notifyv1 "github.com/grpcsse/grpcsse/gen/demo/notify/v1"
)

// collector is a server stream that keeps what is sent. Its owner reads sent only when the method cannot be sending.
type collector[T any] struct {
	grpc.ServerStream

	ctx  context.Context
	sent []*T
}

func (c *collector[T]) SendHeader(metadata.MD) error { return nil }

func (c *collector[T]) Context() context.Context { return c.ctx }

func (c *collector[T]) Send(message *T) error {
	c.sent = append(c.sent, message)
	return nil
}

// forTime runs a method for a time and then cancels it. It returns what the method sent and how it ended.
func forTime[Request, Response any](
	t *testing.T, d time.Duration, request *Request,
	method func(*Request, grpc.ServerStreamingServer[Response]) error,
) ([]*Response, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stream := &collector[Response]{ctx: ctx}
	ended := make(chan error, 1)
	go func() { ended <- method(request, stream) }()
	time.Sleep(d)
	cancel()
	err := <-ended
	return stream.sent, err
}

func TestNotificationsComeEveryTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent, err := forTime(t, 7*time.Second, &notifyv1.WatchNotificationsRequest{}, notifications{}.WatchNotifications)
		assert.Equal(t, codes.Canceled, status.Code(err))
		require.Len(t, sent, 4)
		for i := range sent[1:] {
			assert.Equal(t, 2*time.Second, sent[i+1].GetTimestamp().AsTime().Sub(sent[i].GetTimestamp().AsTime()))
			assert.NotEqual(t, sent[i].GetMessage(), sent[i+1].GetMessage())
		}
	})
}

// A client of all quotes gets the same number in each second: the deliveries of the demo's crowd stand still unless something
// happens.
func TestQuotesComeAtASteadyPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMarket(1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go m.run(ctx)
		for range 20 {
			before := m.quotes.end().newest
			time.Sleep(time.Second)
			synctest.Wait()
			assert.EqualValues(t, 6, m.quotes.end().newest-before)
		}
	})
}

func TestJobGoesFromZeroToHundredAndEndsWithOK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		stream := &collector[jobv1.JobProgress]{ctx: t.Context()}
		require.NoError(t, jobs{}.RunJob(&jobv1.RunJobRequest{}, stream))
		assert.Equal(t, 8*time.Second, time.Since(begin))
		require.Len(t, stream.sent, 101)
		for i, progress := range stream.sent {
			assert.EqualValues(t, i, progress.GetProgress())
			assert.Equal(t, "export", progress.GetName())
		}
		assert.Equal(t, "preparing", stream.sent[0].GetStep())
		assert.Equal(t, "done", stream.sent[100].GetStep())
	})
}

func TestJobStopsWhenTheCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent, err := forTime(t, 4*time.Second, &jobv1.RunJobRequest{Name: "backup"}, jobs{}.RunJob)
		assert.Equal(t, codes.Canceled, status.Code(err))
		assert.InDelta(t, 51, len(sent), 1)
	})
}

func TestCounterCleansUpWhenTheCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var notes []string
		c := &counter{cleanedUp: func(_ context.Context, note string) { notes = append(notes, note) }}
		sent, err := forTime(t, 36*time.Second+500*time.Millisecond, &counterv1.CountRequest{}, c.Count)
		assert.Equal(t, codes.Canceled, status.Code(err))
		require.Len(t, sent, 37)
		assert.EqualValues(t, 37, sent[36].GetCount())
		assert.Equal(t, []string{"the timer was stopped at 37 of 100"}, notes)
	})
}

func TestCounterEndsAtItsGoal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var notes []string
		c := &counter{cleanedUp: func(_ context.Context, note string) { notes = append(notes, note) }}
		stream := &collector[counterv1.CountUpdate]{ctx: t.Context()}
		require.NoError(t, c.Count(&counterv1.CountRequest{}, stream))
		assert.Equal(t, 99*time.Second, time.Since(begin))
		assert.Len(t, stream.sent, 100)
		assert.Equal(t, []string{"the timer was stopped at 100 of 100"}, notes)
	})
}

func TestFaultFailsAsOrdered(t *testing.T) {
	tests := map[string]struct {
		request  *faultv1.StreamThenFailRequest
		messages int
		code     codes.Code
		message  string
	}{
		"at once": {
			&faultv1.StreamThenFailRequest{Code: faultv1.Code_NOT_FOUND}, 0, codes.NotFound,
			"the demo server ended this stream with NOT_FOUND, as it was asked to",
		},
		"after three": {
			&faultv1.StreamThenFailRequest{Messages: 3, Code: faultv1.Code_UNAVAILABLE, Message: "gone fishing"},
			3, codes.Unavailable, "gone fishing",
		},
		"OK":            {&faultv1.StreamThenFailRequest{Messages: 1}, 1, codes.OK, ""},
		"too many":      {&faultv1.StreamThenFailRequest{Messages: 101}, 0, codes.InvalidArgument, "messages: expected a number from 0 to 100, found 101"},
		"less than 0":   {&faultv1.StreamThenFailRequest{Messages: -1}, 0, codes.InvalidArgument, "messages: expected a number from 0 to 100, found -1"},
		"no known code": {&faultv1.StreamThenFailRequest{Code: 17}, 0, codes.InvalidArgument, "code: expected a gRPC status code from 0 to 16, found 17"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				stream := &collector[faultv1.Heartbeat]{ctx: t.Context()}
				err := faults{}.StreamThenFail(test.request, stream)
				assert.Equal(t, test.code, status.Code(err))
				assert.Equal(t, test.message, status.Convert(err).Message())
				require.Len(t, stream.sent, test.messages)
				assert.Equal(t, time.Duration(test.messages)*faultGap, time.Since(begin))
				if test.messages > 0 {
					assert.EqualValues(t, 0, stream.sent[test.messages-1].GetRemaining())
				}
			})
		})
	}
}

// trading runs an exchange in the synctest bubble for as long as the test lasts.
func trading(t *testing.T) *market {
	m := newMarket(7)
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { m.run(ctx); close(stopped) }()
	t.Cleanup(func() { stop(); <-stopped })
	return m
}

func TestMarketBeginsWithTheNewestQuoteOfEachSymbol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := trading(t)
		sent, err := forTime(t, time.Nanosecond, &marketv1.WatchQuotesRequest{}, m.WatchQuotes)
		assert.Equal(t, codes.Canceled, status.Code(err))
		var symbols []string
		for _, quote := range sent {
			symbols = append(symbols, quote.GetSymbol())
		}
		slices.Sort(symbols)
		assert.Equal(t, m.symbols, symbols)
	})
}

func TestMarketSendsRecentQuotesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := trading(t)
		sent, _ := forTime(t, time.Nanosecond, &marketv1.WatchQuotesRequest{Symbol: "NVDA", Recent: 40}, m.WatchQuotes)
		require.Len(t, sent, 40)
		for i := range sent[1:] {
			assert.Equal(t, "NVDA", sent[i].GetSymbol())
			assert.Less(t, sent[i].GetSequence(), sent[i+1].GetSequence())
		}
	})
}

func TestMarketResumesWithoutGapOrDuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := trading(t)
		first, _ := forTime(t, 10*time.Second, &marketv1.WatchQuotesRequest{}, m.WatchQuotes)
		last := first[len(first)-1].GetSequence()
		time.Sleep(30 * time.Second) // the browser is away
		second, _ := forTime(t, 10*time.Second, &marketv1.WatchQuotesRequest{AfterSequence: &last}, m.WatchQuotes)
		assert.Greater(t, len(second), 100)
		for i, quote := range second {
			assert.Equal(t, last+1+int64(i), quote.GetSequence())
		}
	})
}

func TestTheTapeHasNoHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := trading(t)
		first, err := forTime(t, 10*time.Second, &marketv1.WatchTapeRequest{}, m.WatchTape)
		assert.Equal(t, codes.Canceled, status.Code(err))
		assert.Greater(t, len(first), 30)
		for i, quote := range first {
			assert.Equal(t, first[0].GetSequence()+int64(i), quote.GetSequence())
		}
		last := first[len(first)-1].GetSequence()
		time.Sleep(30 * time.Second)
		second, _ := forTime(t, time.Second, &marketv1.WatchTapeRequest{AfterSequence: &last}, m.WatchTape)
		require.NotEmpty(t, second)
		assert.Equal(t, last+1, second[0].GetSequence())
		future := last + 1_000_000
		err = m.WatchTape(&marketv1.WatchTapeRequest{AfterSequence: &future}, &collector[marketv1.Quote]{ctx: t.Context()})
		assert.Equal(t, codes.OutOfRange, status.Code(err))
	})
}

func TestMarketRefuses(t *testing.T) {
	forgotten, future, start := int64(1), int64(1_000_000), int64(0)
	tests := map[string]struct {
		request *marketv1.WatchQuotesRequest
		code    codes.Code
		message string
	}{
		"unknown symbol":   {&marketv1.WatchQuotesRequest{Symbol: "XYZ"}, codes.NotFound, `symbol "XYZ" is not traded here: expected one of AAPL`},
		"forgotten cursor": {&marketv1.WatchQuotesRequest{AfterSequence: &forgotten}, codes.OutOfRange, "what followed it is forgotten"},
		"cursor zero":      {&marketv1.WatchQuotesRequest{AfterSequence: &start}, codes.OutOfRange, "what followed it is forgotten"},
		"future cursor":    {&marketv1.WatchQuotesRequest{AfterSequence: &future}, codes.OutOfRange, "found 1000000"},
		"too much":         {&marketv1.WatchQuotesRequest{Recent: 121}, codes.InvalidArgument, "expected a number from 0 to 120, found 121"},
		"negative":         {&marketv1.WatchQuotesRequest{Recent: -1}, codes.InvalidArgument, "found -1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := trading(t)
				time.Sleep(30 * time.Minute)
				stream := &collector[marketv1.Quote]{ctx: t.Context()}
				err := m.WatchQuotes(test.request, stream)
				assert.Equal(t, test.code, status.Code(err))
				assert.Contains(t, status.Convert(err).Message(), test.message)
				assert.Empty(t, stream.sent)
			})
		})
	}
}

func TestMarketTicksAtACalmPaceAndNearItsOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := trading(t)
		sent, _ := forTime(t, 5*time.Minute, &marketv1.WatchQuotesRequest{}, m.WatchQuotes)
		assert.InDelta(t, 6, float64(len(sent))/300, 1.5, "quotes a second")
		for _, quote := range sent {
			opening := quote.GetPrice() - quote.GetChange()
			assert.InEpsilon(t, opening, quote.GetPrice(), 0.15, quote.GetSymbol())
			assert.Positive(t, quote.GetVolume())
		}
	})
}

func TestHistoryIsBounded(t *testing.T) {
	h := newHistory[int64](4)
	assert.Empty(t, h.all().items)
	assert.Zero(t, h.all().newest)
	for range 10 {
		h.add(func(sequence int64) int64 { return sequence })
	}
	all := h.all()
	assert.Equal(t, []int64{7, 8, 9, 10}, all.items)
	assert.EqualValues(t, 10, all.newest)
	behind, err := h.after(6)
	require.NoError(t, err)
	assert.Equal(t, []int64{7, 8, 9, 10}, behind.items)
	_, err = h.after(5)
	require.EqualError(t, err, "expected a sequence number from 6 on, found 5: what followed it is forgotten")
	_, err = h.after(11)
	require.EqualError(t, err, "expected a sequence number up to 10, found 11")
	select {
	case <-all.changed:
		t.Fatal("woken without a new item")
	default:
	}
	h.add(func(sequence int64) int64 { return sequence })
	<-all.changed
}

func TestAReaderThatIsTooSlowIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal(slog.New(slog.DiscardHandler))
		stream := &slow{collector[activityv1.Activity]{ctx: t.Context()}}
		ended := make(chan error, 1)
		go func() { ended <- j.WatchActivity(&activityv1.WatchActivityRequest{}, stream) }()
		synctest.Wait()
		j.record(&recorded{}, &activityv1.Activity{})
		synctest.Wait()
		for range activitiesKept + 1 {
			j.record(&recorded{}, &activityv1.Activity{})
		}
		assert.Equal(t, codes.DataLoss, status.Code(<-ended))
	})
}

// slow takes a second for each message.
type slow struct {
	collector[activityv1.Activity]
}

func (s *slow) Send(message *activityv1.Activity) error {
	time.Sleep(time.Second)
	return s.collector.Send(message)
}
