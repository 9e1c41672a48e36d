package load

import (
	"encoding/json"
	"strconv"

	"github.com/grpcsse/grpcsse/bench/internal/event"
)

// viewer is what the page of one browser has seen, over all of its connections.
type viewer struct {
	ledger ledger
	// met is that an event has arrived.
	met bool
	// back is what brings the browser back; nil for one that has a single connection.
	back *comeback
}

// see takes an event that was read at a time, in Unix nanoseconds.
func (v *viewer) see(e block, at int64, t *tally) {
	if v.back != nil {
		v.back.note(e, &t.life)
	}
	switch string(e.name) {
	case "grpc-reset":
		// Told that there is a gap: what comes next is a beginning.
		t.resets++
		v.ledger = ledger{kinds: v.ledger.kinds}
		return
	case "grpc-cursor":
		t.notices++
		if number, err := strconv.ParseUint(string(e.id), 10, 64); err == nil {
			v.ledger.place(number, &t.faults)
		}
		return
	case "grpc-status", "grpc-end", "grpc-stale", "grpc-live", "grpc-expiring":
		t.notices++
		return
	}
	number, due, ok := event.Read(e.data)
	if !ok {
		t.strange++
		return
	}
	v.ledger.enter(number, &t.faults)
	if !v.met {
		v.met = true
		t.met++
	}
	t.event(at - due)
}

// farewell is the data of grpc-status.
type farewell struct {
	Status string `json:"status"`
	Retry  bool   `json:"retry"`
	Reason string `json:"reason"`
}

func readFarewell(data []byte) (f farewell, ok bool) {
	err := json.Unmarshal(data, &f)
	return f, err == nil
}
