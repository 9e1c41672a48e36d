package demo

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketv1 "github.com/grpcsse/grpcsse/gen/demo/market/v1"
)

const (
	// gap is the time between two quotes of the exchange. It does not vary. A client of all quotes gets six a second, so the
	// number of deliveries changes only for another reason. The next symbol is random.
	gap = time.Second / 6
	// maxRecent bounds how many past quotes of a symbol a stream may begin with.
	maxRecent = 120
	// quotesKept is about twelve minutes of the exchange.
	quotesKept = 4096
)

// share is one symbol and its price.
type share struct {
	symbol         string
	opening, price float64
}

// market is an exchange whose prices wander at random.
type market struct {
	marketv1.UnimplementedMarketServiceServer

	quotes  *history[*marketv1.Quote]
	symbols []string

	// Only run, and newMarket before it, use these.
	shares []share
	random *rand.Rand
}

// newMarket returns an exchange that already has quotes, so that a chart is full at once. The seed decides the prices.
func newMarket(seed uint64) *market {
	m := &market{
		quotes: newHistory[*marketv1.Quote](quotesKept),
		random: rand.New(rand.NewPCG(seed, seed)),
		shares: []share{
			{symbol: "AAPL", opening: 189.5},
			{symbol: "AMZN", opening: 178.2},
			{symbol: "GOOG", opening: 164.8},
			{symbol: "MSFT", opening: 415.1},
			{symbol: "NVDA", opening: 131.6},
			{symbol: "TSLA", opening: 248.9},
		},
	}
	for i := range m.shares {
		m.shares[i].price = m.shares[i].opening
		m.symbols = append(m.symbols, m.shares[i].symbol)
	}
	past := maxRecent * len(m.shares)
	now := time.Now()
	for i := range past {
		m.trade(i%len(m.shares), now.Add(-time.Duration(past-i)*gap))
	}
	return m
}

// run trades until ctx ends.
func (m *market) run(ctx context.Context) {
	ticker := time.NewTicker(gap)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			m.trade(m.random.IntN(len(m.shares)), now)
		}
	}
}

// trade moves the price of one share and publishes the quote. The price is drawn back a little to its opening, so that it stays
// near it for days.
func (m *market) trade(i int, now time.Time) {
	s := &m.shares[i]
	step := m.random.NormFloat64()*0.0012 + 0.004*(s.opening-s.price)/s.opening
	s.price = cents(s.price * (1 + step))
	m.quotes.add(func(sequence int64) *marketv1.Quote {
		return &marketv1.Quote{
			Sequence: sequence,
			Symbol:   s.symbol,
			Price:    s.price,
			Change:   cents(s.price - s.opening),
			Volume:   int32(1+m.random.IntN(40)) * 25,
			Time:     timestamppb.New(now.Truncate(time.Millisecond)),
		}
	})
}

func cents(amount float64) float64 {
	return math.Round(amount*100) / 100
}

// WatchQuotes implements marketv1.MarketServiceServer.
func (m *market) WatchQuotes(
	request *marketv1.WatchQuotesRequest, stream grpc.ServerStreamingServer[marketv1.Quote],
) error {
	if err := m.check(request); err != nil {
		return err
	}
	beginning, err := m.begin(request)
	if err != nil {
		return status.Errorf(codes.OutOfRange, "after_sequence: %v", err)
	}
	return m.quotes.follow(stream.Context(), beginning, func(quote *marketv1.Quote) error {
		if request.GetSymbol() != "" && request.GetSymbol() != quote.GetSymbol() {
			return nil
		}
		return stream.Send(quote)
	})
}

// WatchTape implements marketv1.MarketServiceServer.
func (m *market) WatchTape(request *marketv1.WatchTapeRequest, stream grpc.ServerStreamingServer[marketv1.Quote]) error {
	return m.quotes.serve(stream, request.AfterSequence, stream.Send)
}

func (m *market) check(request *marketv1.WatchQuotesRequest) error {
	if symbol := request.GetSymbol(); symbol != "" && !slices.Contains(m.symbols, symbol) {
		return status.Errorf(codes.NotFound, "symbol %q is not traded here: expected one of %s",
			symbol, strings.Join(m.symbols, ", "))
	}
	if recent := request.GetRecent(); recent < 0 || recent > maxRecent {
		return status.Errorf(codes.InvalidArgument, "recent: expected a number from 0 to %d, found %d", maxRecent, recent)
	}
	return nil
}

// begin returns the first quotes of a stream: all that follow the cursor of the request. Without a cursor, these are the newest
// quotes of each symbol, as many as the request asks for.
func (m *market) begin(request *marketv1.WatchQuotesRequest) (excerpt[*marketv1.Quote], error) {
	if request.AfterSequence != nil {
		return m.quotes.after(request.GetAfterSequence())
	}
	e := m.quotes.all()
	all := e.items
	e.items = nil
	wanted := max(1, int(request.GetRecent()))
	seen := make(map[string]int, len(m.symbols))
	for _, quote := range slices.Backward(all) {
		if seen[quote.GetSymbol()]++; seen[quote.GetSymbol()] <= wanted {
			e.items = append(e.items, quote)
		}
	}
	slices.Reverse(e.items)
	return e, nil
}
