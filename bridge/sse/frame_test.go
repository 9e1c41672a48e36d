package sse_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gosse "github.com/tmaxmax/go-sse"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/sse"
)

func ExampleAppendFrame() {
	name, err := sse.ParseName("quote")
	if err != nil {
		panic(err)
	}
	id, _ := sse.EncodeID([]byte("4711"))
	fmt.Printf("%s", sse.AppendFrame(nil, sse.Event{
		Name: name, Data: []byte(`{"symbol":"AAPL","price":189.5}`), ID: id, Retry: 2 * time.Second,
	}))
	// Output:
	// retry: 2000
	// event: quote
	// data: {"symbol":"AAPL","price":189.5}
	// id: 4711
}

func ExampleAppendHead() {
	frame := sse.AppendHead(nil, sse.Name{})
	frame = append(frame, `{"n":1}`...) // one line, straight from the encoder
	frame = sse.AppendTail(frame, sse.ID{})
	fmt.Printf("%q", frame)
	// Output: "data: {\"n\":1}\n\n"
}

func TestAppendFrameLines(t *testing.T) {
	id, _ := sse.EncodeID([]byte("7"))
	for want, e := range map[string]sse.Event{
		"data: \n\n":                             {},
		"data: x\nid: 7\n\n":                     {Data: []byte("x"), ID: id},
		"event: grpc-reset\ndata: {}\n\n":        {Name: sse.ResetName(), Data: []byte("{}")},
		"data: a\ndata: b\ndata: c\ndata: d\n\n": {Data: []byte("a\nb\rc\r\nd")},
		"data: \ndata: \ndata: \n\n":             {Data: []byte("\n\r")},
		"data: id: 1\ndata: event: x\n\n":        {Data: []byte("id: 1\nevent: x")},
		"retry: 1500\ndata: x\n\n":               {Data: []byte("x"), Retry: 1500 * time.Millisecond},
		"retry: 500\ndata: x\nid: grpc-end\n\n":  {Data: []byte("x"), Retry: -1, ID: sse.End()},
	} {
		assert.Equal(t, want, string(sse.AppendFrame(nil, e)))
	}
}

func TestAppendRetryHasAFloor(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                      "retry: 500\n",
		499 * time.Millisecond: "retry: 500\n",
		2 * time.Second:        "retry: 2000\n",
		time.Hour:              "retry: 3600000\n",
	} {
		assert.Equal(t, want, string(sse.AppendRetry(nil, d)))
	}
}

func TestAppendTailValueIsAppendTailOfEncodeID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(
			rapid.SliceOfN(rapid.Byte(), 0, 140),
			rapid.SliceOfN(rapid.ByteRange('!', '~'), 0, 140),
			rapid.Just([]byte(sse.EndID)),
		).Draw(t, "value")
		id, wantOK := sse.EncodeID(value)
		got, ok := sse.AppendTailValue([]byte("x"), value)
		require.Equal(t, wantOK, ok)
		require.Equal(t, string(sse.AppendTail([]byte("x"), id)), string(got))
	})
}

func TestAppendingAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 1024)
	name, json := sse.StatusName(), []byte(`{"a":1}`)
	plain, opaque := []byte("4711"), []byte("a b\n")
	id, _ := sse.EncodeID(plain)
	for what, f := range map[string]func(){
		"head, tail":        func() { _ = sse.AppendTail(append(sse.AppendHead(buf, name), json...), id) },
		"tail value":        func() { _, _ = sse.AppendTailValue(buf, plain) },
		"opaque tail value": func() { _, _ = sse.AppendTailValue(buf, opaque) },
		"frame":             func() { _ = sse.AppendFrame(buf, sse.Event{Name: name, Data: json, ID: id, Retry: time.Second}) },
		"safe name":         func() { _, _ = sse.SafeName("quote") },
	} {
		assert.Zero(t, testing.AllocsPerRun(100, f), what)
	}
}

// TestAParserReadsBackWhatWasAppended holds a stream of any events, with heartbeats between them, against go-sse's
// independent parser.
func TestAParserReadsBackWhatWasAppended(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want []gosse.Event
		lastID := ""
		for range rapid.IntRange(1, 8).Draw(t, "events") {
			e, read := drawEvent(t)
			if e.ID.IsZero() {
				read.LastEventID = lastID
			}
			lastID = read.LastEventID
			stream = sse.AppendFrame(stream, e)
			want = append(want, read)
			if rapid.Bool().Draw(t, "heartbeat") {
				stream = append(stream, sse.Heartbeat...)
			}
		}
		require.Equal(t, want, parse(t, stream))
	})
}

func TestAParserReadsBackBigEvents(t *testing.T) {
	data := bytes.Repeat([]byte(`{"a":"0123456789"},`), 100_000)
	id, _ := sse.EncodeID([]byte("1"))
	got := parse(t, sse.AppendFrame(nil, sse.Event{Data: data, ID: id}))
	require.Equal(t, []gosse.Event{{LastEventID: "1", Data: string(data)}}, got)
}

// FuzzAppendFrame puts hostile text in every field of an event: a parser must find one event, unharmed.
func FuzzAppendFrame(f *testing.F) {
	f.Add("quote", []byte(`{"a":1}`), []byte("4711"), int64(2000))
	f.Add("error\nid: 1", []byte("a\r\n\r\nevent: x\n\n"), []byte("1\n\ndata: x"), int64(0))
	f.Add("grpc-status", []byte{0}, []byte("grpc-end"), int64(-5))
	f.Add("\ufeff", []byte("\ufeff"), []byte("~IA"), int64(1))
	f.Fuzz(func(t *testing.T, text string, data, value []byte, retry int64) {
		name, _ := sse.SafeName(text)
		id, _ := sse.EncodeID(value)
		frame := sse.AppendFrame(nil, sse.Event{Name: name, Data: data, ID: id, Retry: time.Duration(retry)})
		require.Equal(t, []gosse.Event{{Type: name.String(), Data: asRead(data), LastEventID: id.String()}}, parse(t, frame))
	})
}

// drawEvent returns an event, and what a client must make of it.
func drawEvent(t *rapid.T) (sse.Event, gosse.Event) {
	line := rapid.SampledFrom([]string{"", " ", ":", "data: x", "id: 1", "event: x", "retry: 1", "\ufeff", "é", "\x00", `{"a":1}`})
	end := rapid.SampledFrom([]string{"\n", "\r", "\r\n", "\n\n", "\u2028", "\x85"})
	var data strings.Builder
	for range rapid.IntRange(0, 4).Draw(t, "lines") {
		data.WriteString(line.Draw(t, "line") + end.Draw(t, "end"))
	}
	data.WriteString(rapid.String().Draw(t, "rest"))

	name, _ := sse.SafeName(rapid.String().Draw(t, "name"))
	id, _ := sse.EncodeID(rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "id"))
	retry := time.Duration(rapid.Int64Range(0, 10_000).Draw(t, "retry")) * time.Millisecond
	e := sse.Event{Name: name, Data: []byte(data.String()), ID: id, Retry: retry}
	return e, gosse.Event{Type: name.String(), Data: asRead(e.Data), LastEventID: id.String()}
}

// asRead is what the HTML standard makes of data that spans lines.
func asRead(data []byte) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
}

func parse(t require.TestingT, stream []byte) []gosse.Event {
	var events []gosse.Event
	// go-sse refuses events over 64 KB unless told otherwise.
	for e, err := range gosse.Read(bytes.NewReader(stream), &gosse.ReadConfig{MaxEventSize: len(stream) + 64<<10}) {
		require.NoError(t, err, strconv.Quote(string(stream)))
		events = append(events, e)
	}
	return events
}
