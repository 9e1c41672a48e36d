package fanout

import (
	"crypto/rand"
	"strconv"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// newEpoch returns the name of an epoch that no log has had: 40 random bits as [a-z2-7].
func newEpoch() string { return strings.ToLower(rand.Text()[:epochLength]) }

// epochLength is how many characters the name of an epoch has.
const epochLength = 8

// positionID returns the id of an event that has none of its own: "epoch-offset".
func positionID(at replay.Position) sse.ID {
	id, _ := sse.ParseID(at.String()) // letters, digits and a hyphen
	return id
}

// parsePosition returns the position of the event that has this id of [positionID], and whether it is one.
func parsePosition(id string) (at replay.Position, ok bool) {
	epoch, digits, _ := strings.Cut(id, "-")
	if len(epoch) != epochLength || strings.Trim(epoch, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return replay.Position{}, false
	}
	offset, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || digits[0] == '0' && digits != "0" {
		return replay.Position{}, false
	}
	return replay.Position{Epoch: epoch, Offset: offset}, true
}
