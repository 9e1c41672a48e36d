package natsbus

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
)

// notes writes to the log what of NATS does not work, and each reason once until it works again: an attempt that fails is
// repeated several times a second, with each of several servers.
type notes struct {
	log *slog.Logger

	mu    sync.Mutex
	about map[string]*told
}

// told is what the log has of one thing.
type told struct {
	works   bool
	reasons map[string]struct{} // since it worked last
}

// mostReasons bounds how many reasons are told before the thing works again.
const mostReasons = 10

func (n *notes) of(about string) *told {
	t := n.about[about]
	if t == nil {
		t = &told{reasons: map[string]struct{}{}}
		n.about[about] = t
	}
	return t
}

// fault logs that something does not work, unless the reason was told since it worked last.
func (n *notes) fault(about string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t, reason := n.of(about), strings.Join(strings.Fields(err.Error()), " ")
	t.works = false
	if _, known := t.reasons[reason]; known || len(t.reasons) == mostReasons {
		return
	}
	t.reasons[reason] = struct{}{}
	n.log.Warn("the cluster cannot be used: shared streams are read by this replica alone", "what", about, "error", errors.New(reason))
}

// works logs that something works, unless it worked before.
func (n *notes) works(about string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.of(about)
	if t.works {
		return
	}
	t.works, t.reasons = true, map[string]struct{}{}
	n.log.Info("the cluster can be used", "what", about)
}
