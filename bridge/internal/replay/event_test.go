package replay_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

func TestNewEvent(t *testing.T) {
	at := replay.Position{Epoch: "e1", Offset: 3}
	block := []byte("event: x\ndata: 1\nid: 2\n\n")
	e, err := replay.NewEvent(at, block, 9)
	require.NoError(t, err)
	clear(block)
	assert.Equal(t, "event: x\ndata: 1\nid: 2\n\n", string(e.Block()), "a copy")
	assert.Equal(t, 9, e.Data())
	assert.Equal(t, at, e.Position)

	for _, wrong := range []struct {
		block string
		data  int
		says  string
	}{
		{"", 0, "blank line"},
		{"data: 1\n", 0, "blank line"},
		{"\n\n", 0, "data line at byte 0 of 2"},
		{"event: x\ndata: 1\n\n", 0, "data line at byte 0 of 18"},
		{"data: 1\n\n", 1, "data line at byte 1 of 9"},
		{"data: 1\n\n", 9, "data line at byte 9 of 9"},
		{"data: 1\n\n", 10, "data line at byte 10 of 9"},
		{"data: 1\n\n", -1, "data line at byte -1 of 9"},
	} {
		_, err := replay.NewEvent(at, []byte(wrong.block), wrong.data)
		assert.ErrorContains(t, err, wrong.says, "%q", wrong.block)
		assert.ErrorContains(t, err, "e1-3")
	}
}

func TestConflictSaysWhatWasExpected(t *testing.T) {
	r := newRing(t, replay.Bounds{})
	put(t, r, 1)
	e, err := replay.NewEvent(replay.Position{Epoch: "e0", Offset: 9}, []byte("data: 1\n\n"), 0)
	require.NoError(t, err)
	assert.EqualError(t, r.Append(t.Context(), e.Draft()), "replay: expected an event at e1-1, found one at e0-9")
	assert.EqualError(t, replay.NewRing(replay.Bounds{}).Append(t.Context(), e.Draft()), "replay: expected an epoch to have begun, found an event at e0-9")
}

func TestABlockIsBounded(t *testing.T) {
	block := make([]byte, 1<<30+1) // the test does not write to this memory, so the system does not provide it
	_, err := replay.NewDraft(replay.Position{Epoch: "e1"}, block, 0)
	assert.ErrorContains(t, err, "event e1-0: expected a block of at most 1073741824 bytes, found 1073741825")
}
