package cluster

import (
	"errors"
	"log/slog"
	"sync"

	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// faults writes to the log which messages cannot be read or written, each kind once: any program with access to the subjects can
// send as many as it likes.
type faults struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[error]struct{} // the kinds
}

// kinds are the errors of messages that are worth a line. A message that has lost a piece is asked for again.
func kinds() []error {
	return []error{
		wire.ErrForeign, wire.ErrVersion, wire.ErrSecret, wire.ErrSeal, wire.ErrTampered, wire.ErrMalformed, wire.ErrTooLarge,
	}
}

// add returns hooks that tell of faults too. Those that are given count them.
func (f *faults) add(to cluster.Hooks) cluster.Hooks {
	count := to.Unread
	to.Unread = func(err error) {
		count(err)
		if !errors.Is(err, wire.ErrIncomplete) {
			f.tell("a message of the cluster cannot be read", err)
		}
	}
	to.Unsent = func(err error) { f.tell("a message of the cluster cannot be written", err) }
	return to
}

func (f *faults) tell(what string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var kind error // nil is that of all others
	for _, k := range kinds() {
		if errors.Is(err, k) {
			kind = k
		}
	}
	if _, known := f.told[kind]; known {
		return
	}
	f.told[kind] = struct{}{}
	f.log.Warn(what, "error", err)
}
