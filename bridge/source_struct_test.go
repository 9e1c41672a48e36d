package bridge_test

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
)

type jobFilter struct {
	Tags  []string   `json:"tags,omitempty"`
	Level *int       `json:"level,omitempty"`
	Inner *jobFilter `json:"inner,omitempty"`
}

type jobPage struct {
	Limit int `json:"limit,omitempty"`
}

type jobRequest struct {
	jobPage

	ID       string         `json:"id"`
	Small    int8           `json:"small,omitempty"`
	Unsigned uint16         `json:"unsigned,omitempty"`
	Wide     uint64         `json:"wide,omitempty"`
	Ratio    float32        `json:"ratio,omitempty"`
	Live     bool           `json:"live,omitempty"`
	Maybe    *bool          `json:"maybe,omitempty"`
	Since    time.Time      `json:"since,omitzero"`
	Until    *time.Time     `json:"until,omitempty"`
	Window   time.Duration  `json:"window,omitempty"`
	Raw      []byte         `json:"raw,omitempty"`
	Numbers  []int64        `json:"numbers,omitempty"`
	Address  netip.Addr     `json:"address,omitzero"`
	Filter   jobFilter      `json:"filter,omitzero"`
	UserID   string         `json:"user-id,omitempty"`
	After    int            `json:"after,omitempty"`
	Untagged string         `json:",omitempty"`
	Ignored  map[string]int `json:"-"`
	hidden   chan int
}

// yieldRequest yields its request.
func yieldRequest[Req any](_ context.Context, r Req) iter.Seq2[Req, error] {
	return func(yield func(Req, error) bool) { yield(r, nil) }
}

func TestStructsAreBoundByTheirJSONNames(t *testing.T) {
	require.Nil(t, jobRequest{}.hidden)
	route := config.NewRoute("/jobs/{id}")
	route.Methods, route.Body = []string{"GET", "POST"}, "*"
	route.Request.Set = []config.Setting{{Field: "after", Value: config.Reference("last_event_id")}}
	pointer := *route
	pointer.Path, pointer.Name = "/pointer/{id}", "pointer"
	f := startProgram(t, nil,
		bridge.WithRoute(route, bridge.Func(yieldRequest[jobRequest])), bridge.WithRoute(&pointer, bridge.Func(yieldRequest[*jobRequest])))

	for query, want := range map[string]string{
		"": `{"id":"7"}`,
		"limit=5&small=-128&wide=18446744073709551615":                          `{"limit":5,"id":"7","small":-128,"wide":18446744073709551615}`,
		"unsigned=65535&ratio=1.5&live=true&maybe=false":                        `{"id":"7","unsigned":65535,"ratio":1.5,"live":true,"maybe":false}`,
		"since=2026-01-02T15:04:05.5Z&until=1960-01-01T00:00:00Z":               `{"id":"7","since":"2026-01-02T15:04:05.5Z","until":"1960-01-01T00:00:00Z"}`,
		"window=1.5s&raw=AQI&numbers=1&numbers=-2":                              `{"id":"7","window":1500000000,"raw":"AQI=","numbers":[1,-2]}`,
		"address=::1&user-id=a&Untagged=b&after=3":                              `{"id":"7","address":"::1","user-id":"a","Untagged":"b"}`,
		"filter.tags=a&filter.tags=b&filter.level=0&filter.inner.inner.level=2": `{"id":"7","filter":{"tags":["a","b"],"level":0,"inner":{"inner":{"level":2}}}}`,
	} {
		for _, path := range []string{"/jobs/7", "/pointer/7"} {
			if strings.Contains(query, "after=") {
				query = strings.TrimSuffix(query, "&after=3") // Set binds this field
			}
			got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+path+"?"+query))).all(t)
			require.NotEmpty(t, got, query)
			assert.Equal(t, want, got[0].data, query)
		}
	}

	got := newReader(do(t, clients(t)["HTTP1"], eventSource(t.Context(), t, f.url+"/jobs/7", "Last-Event-ID", "41"))).all(t)
	assert.JSONEq(t, `{"id":"7","after":41}`, got[0].data, "the cursor")

	body := `{"limit":2,"filter":{"tags":["x"]},"since":"2026-01-02T15:04:05Z"}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/jobs/7", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	got = newReader(do(t, clients(t)["HTTP1"], req)).all(t)
	assert.JSONEq(t, `{"id":"7","limit":2,"filter":{"tags":["x"]},"since":"2026-01-02T15:04:05Z"}`, got[0].data, "a body")
}

func TestValuesThatAStructCannotHold(t *testing.T) {
	f := startProgram(t, nil, bridge.WithRoute(config.NewRoute("/jobs/{id}"), bridge.Func(yieldRequest[jobRequest])))
	for query, want := range map[string]string{
		"limit=x":              `query parameter "limit": expected a 64-bit integer, found "x"`,
		"small=128":            `the field "small": expected an integer of 8 bits, found "128"`,
		"since=yesterday":      `query parameter "since": expected `,
		"window=400000000000s": `expected`,
		"filter.tags=a&id=8":   `query parameter "id"`,
		"filter=x":             `query parameter "filter"`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/jobs/7?"+query, nil)
		require.NoError(t, err)
		resp := do(t, clients(t)["HTTP1"], req)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		var answer struct{ Status, Message string }
		require.NoError(t, json.Unmarshal(text, &answer), "%s: %s", query, text)
		assert.Equal(t, "INVALID_ARGUMENT", answer.Status, query)
		assert.Contains(t, answer.Message, want, query)
	}
}

func TestStructTypesThatAreRefused(t *testing.T) {
	type odd struct {
		Any any `json:"any"`
	}
	type a struct{ ID string }
	type b struct{ ID string }
	type both struct {
		a
		b
	}
	type around struct{ Inner *both }
	const clash = "the fields a.ID and b.ID of bridge_test.both have one JSON name, \"ID\", and encoding/json drops both"
	for name, tt := range map[string]struct {
		src  bridge.Source
		want string
	}{
		"two fields with the same name":                     {bridge.Func(yieldRequest[both]), clash},
		"two fields with the same name, in a nested struct": {bridge.Func(yieldRequest[around]), clash},
		"two fields with the same name, in requests only":   {bridge.Func(func(context.Context, both) iter.Seq2[int, error] { return nil }), "requests: " + clash},
		"two fields with the same name, in values only":     {bridge.Func(func(context.Context, struct{}) iter.Seq2[[]around, error] { return nil }), clash},
		"an interface": {bridge.Func(yieldRequest[odd]), "the field Any of the request type bridge_test.odd is of type interface {}, which no request can be bound to: expected text"},
		"no fields":    {bridge.Func(yieldRequest[struct{}]), "the variable {id} binds to no field"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bridge.New(t.Context(), nil, bridge.WithRoute(config.NewRoute("/jobs/{id}"), tt.src))
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			assert.Contains(t, err.Error(), tt.want)
			assert.NotContains(t, err.Error(), "google.protobuf.Empty")
			if name == "no fields" {
				assert.Contains(t, problems[0].Hint, "declare the request as a struct with such a field")
			}
		})
	}
}
