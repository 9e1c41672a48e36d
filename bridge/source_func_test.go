package bridge_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestAPanicEndsOneStreamOnly(t *testing.T) {
	w := func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		if err := stream.Send(&streamv1.Event{Sequence: 1}); err != nil {
			return err
		}
		if r.GetTopic() == "panic" {
			panic("a secret of the program")
		}
		return nil
	}
	for _, name := range []string{"Func", "service"} { // behind RPC another process would panic
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			r := config.NewRoute("/watch/{topic}")
			r.ExposeErrors = true
			cfg, opt := sourceKinds()[name](t, startServer(t, "127.0.0.1:0", w), r)
			f := startProgram(t, cfg, opt, bridge.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/panic"))).all(t)
			require.Len(t, got, 2)
			assert.Contains(t, got[1].data, `"status":"INTERNAL","message":"internal error"`)
			got = newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/watch/x"))).all(t)
			require.Len(t, got, 2)
			assert.Contains(t, got[1].data, `"status":"OK"`)
			require.NoError(t, f.bridge.Close())
			assert.Contains(t, log.String(), "a secret of the program")
			assert.Contains(t, log.String(), "TestAPanicEndsOneStreamOnly", "the stack of the code that panicked")
		})
	}
}

// trade is a plain Go value.
type trade struct {
	envelope
	Kind  string `json:"kind"`
	Quote *quote `json:"quote,omitempty"`
	Time  time.Time
	Count *int `json:"count"`
}

type envelope struct {
	Sequence uint32 `json:"sequence"`
}

type quote struct {
	Price float64 `json:"price"`
}

func yieldAll[T any](values ...T) bridge.Source {
	return bridge.Func(func(context.Context, struct{}) iter.Seq2[T, error] {
		return func(yield func(T, error) bool) {
			for _, v := range values {
				if !yield(v, nil) {
					return
				}
			}
		}
	})
}

func TestPlainGoValuesBecomeJSON(t *testing.T) {
	zero := 0
	second := trade{envelope: envelope{Sequence: 2}, Kind: "line\nbreak", Time: time.Unix(9, 0).UTC(), Count: &zero}
	for name, tt := range map[string]struct {
		src    bridge.Source
		change func(*config.EventMapping)
		want   []event
	}{
		"structs": {yieldAll(trade{Quote: &quote{1.5}}, second), nil, []event{
			{data: `{"sequence":0,"kind":"","quote":{"price":1.5},"Time":"0001-01-01T00:00:00Z","count":null}`},
			{data: `{"sequence":2,"kind":"line\nbreak","Time":"1970-01-01T00:00:09Z","count":0}`},
		}},
		"ids and names": {yieldAll(&trade{envelope: envelope{Sequence: 7}, Kind: "tick"}, &trade{}), func(ev *config.EventMapping) {
			ev.ID, ev.Name, ev.Data = "sequence", "kind", "quote"
		}, []event{{name: "tick", data: "null", id: "7"}, {data: "null"}}},
		"an id of text": {yieldAll(second), func(ev *config.EventMapping) { ev.ID, ev.Data = "Time", "kind" }, []event{
			{data: `"line\nbreak"`, id: "1970-01-01T00:00:09Z"},
		}},
		"an id with the default value": {yieldAll(second), func(ev *config.EventMapping) { ev.ID, ev.Data = "count", "sequence" }, []event{{data: "2", id: "0"}}},
		"a constant name":              {yieldAll(1), func(ev *config.EventMapping) { ev.NameConst = "n" }, []event{{name: "n", data: "1"}}},
		"a path through nil":           {yieldAll(second), func(ev *config.EventMapping) { ev.ID, ev.Data = "quote.price", "quote.price" }, []event{{data: "null"}}},
		"values of several types":      {yieldAll[any]("a\r\nb", nil, map[string]int{"x": 1}), nil, []event{{data: `"a\r\nb"`}, {data: "null"}, {data: `{"x":1}`}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := config.NewRoute("/values")
			if tt.change != nil {
				tt.change(&r.Event)
			}
			f := startProgram(t, nil, bridge.WithRoute(r, tt.src))
			got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/values"))).all(t)
			require.NotEmpty(t, got)
			assert.Equal(t, tt.want, got[:len(got)-1])
			assert.Contains(t, got[len(got)-1].data, `"status":"OK"`)
		})
	}
}

func TestMistakesOfASourceAreReportedAtStart(t *testing.T) {
	anyRequest := func(context.Context, int) iter.Seq2[string, error] { return nil }
	dynamic := func(context.Context, *dynamicpb.Message) iter.Seq2[string, error] { return nil }
	messages := func(context.Context, struct{}) iter.Seq2[proto.Message, error] { return nil }
	for name, tt := range map[string]struct {
		src    bridge.Source
		change func(*config.Route)
		want   string
	}{
		"no source":          {bridge.Source{}, nil, "expected a source as RPC and Func make them"},
		"nil":                {bridge.Func[struct{}, int](nil), nil, "expected a function, found nil"},
		"nil RPC":            {bridge.RPC[streamv1.WatchRequest, streamv1.Event](nil), nil, "expected a method of a generated client, found nil"},
		"request":            {bridge.Func(anyRequest), nil, "expected a struct, or a pointer to a generated message, as request, found int"},
		"dynamic request":    {bridge.Func(dynamic), nil, "found *dynamicpb.Message"},
		"interface":          {bridge.Func(messages), nil, "found the interface"},
		"variable":           {yieldAll(1), func(r *config.Route) { r.Path = "/a/{b}" }, "the variable {b} binds to no field"},
		"field of a message": {bridge.Func(iterate(untilCancelled)), func(r *config.Route) { r.Event.ID = "sequenc" }, `routes["/a"].event.id: `},
		"field of a struct":  {yieldAll(trade{}), func(r *config.Route) { r.Event.ID = "sequenc" }, `routes["/a"].event.id: unknown field "sequenc"`},
		"field of a number":  {yieldAll(1), func(r *config.Route) { r.Event.Name = "a" }, `expected a struct`},
		"struct as an id":    {yieldAll(trade{}), func(r *config.Route) { r.Event.ID = "quote" }, "expected text, a number or a bool"},
		"embedded, and hidden": {yieldAll(struct {
			envelope `json:"in"`
		}{}), func(r *config.Route) { r.Event.ID = "sequence" }, `unknown field "sequence"`},
		"setting": {yieldAll(1), func(r *config.Route) { r.OnEnd = "often" }, `routes["/a"].on_end: expected`},
		"rpc":     {yieldAll(1), func(r *config.Route) { r.Service = "a.B"; r.Method = "C" }, "calls no upstream"},
	} {
		t.Run(name, func(t *testing.T) {
			r := config.NewRoute("/a")
			if tt.change != nil {
				tt.change(r)
			}
			_, err := bridge.New(t.Context(), nil, bridge.WithRoute(r, tt.src))
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			assert.Contains(t, err.Error(), tt.want)
		})
	}
}

func TestRoutesOfAProgramAreHeldApart(t *testing.T) {
	made := func(path, name string) bridge.Option {
		r := config.NewRoute(path)
		r.Name = name
		return bridge.WithRoute(r, yieldAll(1))
	}
	_, err := bridge.New(t.Context(), nil, made("/a", "x"), made("/b", "x"))
	require.ErrorContains(t, err, `duplicate route name: another route is called "x"`)
	_, err = bridge.New(t.Context(), nil, made("/a/{b}", "x"), made("/a/{c}", "y"))
	require.Error(t, err)
	_, err = bridge.New(t.Context(), nil, bridge.WithRoute(nil, yieldAll(1)))
	require.ErrorContains(t, err, "expected a route, found nil")
	_, err = bridge.New(t.Context(), config.New(config.NewRoute("/a")))
	require.ErrorContains(t, err, "expected a Service and a Method")
}

func TestARouteMayBeChangedAfterItIsServed(t *testing.T) {
	r := config.NewRoute("/a")
	f := startProgram(t, nil, bridge.WithRoute(r, yieldAll(1)))
	r.Path, r.Name = "/b", "b"
	infos := f.bridge.Routes()
	require.Len(t, infos, 1)
	info := infos[0]
	assert.Equal(t, []string{"/a", "/a", "bridge.WithRoute", "GET"}, append([]string{info.Name, info.Path, info.Source}, info.Methods...))
	assert.Nil(t, info.Problem)
	assert.Nil(t, info.Method)
	assert.Equal(t, "/a", info.Config.Path, "the route has settings of its own")
	assert.Equal(t, "/a", info.Config.Name)
	assert.Empty(t, f.bridge.Problems())
	assert.Empty(t, bridge.Check(t.Context(), nil, bridge.WithRoute(r, yieldAll(1))))
}

func TestAnIteratorSeesTheContextOfItsCaller(t *testing.T) {
	src := bridge.Func(func(ctx context.Context, _ struct{}) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			method, _ := grpc.Method(ctx)
			p, ok := peer.FromContext(ctx)
			if !ok {
				yield("", errors.New("no peer"))
				return
			}
			yield(method+" "+p.Addr.String(), grpc.SetTrailer(ctx, nil))
		}
	})
	f := startProgram(t, nil, bridge.WithRoute(config.NewRoute("/a"), src))
	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/a"))).all(t)
	require.Len(t, got, 2)
	assert.Equal(t, `"/a in-process"`, got[0].data)
}
