package fanout

import (
	"crypto/rand"
	"strconv"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// newEpoch returns a new name for an epoch: 40 random bits as [a-z2-7].
func newEpoch() string { return strings.ToLower(rand.Text()[:epochLength]) }

// epochLength is how many characters the name of an epoch has.
const epochLength = 8

// positionID returns the id of an event without an id of its own: "epoch-offset".
func positionID(at replay.Position) sse.ID {
	id, _ := sse.ParseID(at.String()) // letters, digits and a hyphen
	return id
}

// startID returns the id of the place before the first event of an epoch: "epoch-start".
func startID(epoch string) sse.ID {
	id, _ := sse.ParseID(epoch + startSuffix)
	return id
}

// eventID is the id of an event. The subscribers that pass the event share the text.
type eventID struct {
	epoch  string
	offset uint64
	text   string
}

// idOf returns the id of an event that a subscriber passes, or "". The lock is held.
func (st *stream) idOf(e *replay.Entry) string {
	epoch := e.Epoch()
	if epoch == "" { // it is of a catch-up, which has its own offsets
		return e.ID()
	}
	newest := &st.newestID
	if newest.offset != e.Offset || newest.epoch != epoch {
		*newest = eventID{epoch, e.Offset, e.ID()}
	}
	return newest.text
}

const startSuffix = "-start"

// parsePosition returns the place that an id of the bridge's own stands for. For an id of [positionID] this is the place behind
// the event, and for an id of [startID] the start of the epoch. ok is false for any other id.
func parsePosition(id string) (behind replay.Position, ok bool) {
	epoch, digits, _ := strings.Cut(id, "-")
	if len(epoch) != epochLength || strings.Trim(epoch, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return replay.Position{}, false
	}
	if id == epoch+startSuffix {
		return replay.Position{Epoch: epoch}, true
	}
	offset, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || digits[0] == '0' && digits != "0" {
		return replay.Position{}, false
	}
	return replay.Position{Epoch: epoch, Offset: offset + 1}, true
}
