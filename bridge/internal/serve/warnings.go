package serve

import (
	"log/slog"
	"sync"
	"time"
)

// Bounds of what requests can make the bridge warn of.
const (
	warnAgain    = time.Hour // after which the same thing is said again
	warnBytes    = 200       // of a thing, by which it is told from others
	warningsKept = 100       // different things of one kind in that time; the last one says that more are not logged
)

// warnings are what an operator should know that requests bring about: each thing is said once an hour, however many requests
// there are. Each kind has a bound of its own, so that made-up values of one kind do not hide another kind. It is safe for
// concurrent use.
type warnings struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]map[string]time.Time // by kind; guarded by mu
}

// once logs a warning, unless one of the same kind about the same thing was logged not long ago. There are as many kinds as the
// code and the configuration have; what a client sends can only be the thing.
func (w *warnings) once(kind, thing, message string, args ...any) {
	say, last := w.begin(kind, thing, time.Now())
	if last {
		args = append(args, "more", "not logged for "+warnAgain.String())
	}
	if say {
		w.log.Warn(message, args...)
	}
}

// begin reports whether a thing is to be said now, and whether it is the last one of its kind for a while.
func (w *warnings) begin(kind, thing string, now time.Time) (say, last bool) {
	thing = thing[:min(len(thing), warnBytes)]
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.said[kind]
	if at, before := said[thing]; before && now.Sub(at) < warnAgain {
		return false, false
	}
	for other, at := range said {
		if now.Sub(at) >= warnAgain {
			delete(said, other)
		}
	}
	switch {
	case len(said) >= warningsKept:
		return false, false
	case w.said == nil:
		w.said = make(map[string]map[string]time.Time)
		fallthrough
	case said == nil:
		said = make(map[string]time.Time)
		w.said[kind] = said
	}
	said[thing] = now
	return true, len(said) == warningsKept
}
