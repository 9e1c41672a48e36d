package chaos

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// event returns an event of the topic a of a kind.
func event(k kind, id string, sequence int64) received {
	m := fmt.Sprintf(`{"sequence":"%d","kind":"7","text":"%s/a#%d"}`, sequence, k, sequence)
	return received{id: id, data: m}
}

func TestTheLedgerComplains(t *testing.T) {
	reset := received{name: "grpc-reset", data: `{"reason":"epoch"}`}
	comeBack := received{name: "visit"}
	for name, tt := range map[string]struct {
		kind   kind
		events []received
		wrong  string
	}{
		"in order":       {ids, []received{event(ids, "5", 5), event(ids, "6", 6)}, ""},
		"a hole":         {ids, []received{event(ids, "5", 5), event(ids, "7", 7)}, "expected event 6, found 7"},
		"twice":          {ids, []received{event(ids, "5", 5), event(ids, "5", 5)}, "expected event 6, found 5"},
		"out of order":   {ids, []received{event(ids, "5", 5), event(ids, "4", 4)}, "expected event 6, found 4"},
		"a told hole":    {ids, []received{event(ids, "5", 5), reset, event(ids, "9", 9)}, ""},
		"a hole later":   {ids, []received{event(ids, "5", 5), reset, event(ids, "9", 9), event(ids, "11", 11)}, "expected event 10, found 11"},
		"a visit":        {cursors, []received{event(cursors, "5", 5), comeBack, event(cursors, "6", 6)}, ""},
		"a hole there":   {cursors, []received{event(cursors, "5", 5), comeBack, event(cursors, "7", 7)}, "expected event 6, found 7"},
		"a reset":        {cursors, []received{event(cursors, "5", 5), reset}, "a reset on a route that resumes"},
		"a foreign id":   {ids, []received{event(ids, "x", 5)}, "event 5 has the id x"},
		"a foreign text": {ids, []received{event(cursors, "5", 5)}, "the text belongs to another event"},
		"a cursor":       {ids, []received{{id: "5", name: "grpc-cursor"}, event(ids, "6", 6)}, ""},
		"behind one":     {ids, []received{{id: "5", name: "grpc-cursor"}, event(ids, "7", 7)}, "expected event 6, found 7"},
		"a wrong cursor": {ids, []received{event(ids, "5", 5), {id: "6", name: "grpc-cursor"}}, "a cursor at 6 for a client behind 5"},
		"the end":        {ids, []received{{name: "grpc-status", data: `{"retry":false}`}}, "an end for ever"},
		"positions":      {positions, []received{event(positions, "e-1", 5), event(positions, "e-2", 6)}, ""},
		"a lost position": {
			positions, []received{event(positions, "e-1", 5), event(positions, "e-3", 6)}, "the id e-3 came behind e-1",
		},
		"another epoch": {
			positions, []received{event(positions, "e-1", 5), event(positions, "f-2", 6)}, "the id f-2 came behind e-1",
		},
		"one id for two": {
			positions, []received{event(positions, "e-1", 5), reset, event(positions, "e-1", 6)},
			"the id e-1 stood for {Sequence:5 Kind:7 Text:positions/a#5}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := &ledger{topic: topic{tt.kind, "a"}, book: newBook()}
			wrong := ""
			for _, e := range tt.events {
				assert.Empty(t, wrong, "only the last event is wrong")
				if e == comeBack {
					l.visit()
					continue
				}
				wrong = l.take(e)
			}
			assert.Equal(t, tt.wrong, wrong)
		})
	}
	t.Run("one epoch for two streams", func(t *testing.T) {
		b := newBook()
		assert.Empty(t, b.enter("e-1", message{Sequence: 1, Kind: "1"}, "", false))
		assert.Equal(t, "the epoch e was one of upstream stream 1", b.enter("e-2", message{Sequence: 2, Kind: "2"}, "", false))
	})
}
