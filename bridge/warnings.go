package bridge

import (
	"log/slog"
	"sync"
	"time"
)

// Bounds of what requests can make the bridge warn of.
const (
	warnAgain    = time.Hour // after which the same thing is said again
	warningsKept = 100       // different things in that time; what comes then is not said
)

// warnings are what an operator should know that requests bring about: each thing is said once an hour, however many requests
// there are. It is safe for concurrent use.
type warnings struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]time.Time // guarded by mu
}

// once logs a warning, unless one with the same key was logged not long ago.
func (w *warnings) once(key, message string, args ...any) {
	if w.begin(key, time.Now()) {
		w.log.Warn(message, args...)
	}
}

// begin reports whether a thing is to be said now.
func (w *warnings) begin(key string, now time.Time) bool {
	key = key[:min(len(key), 2*maxShown)]
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, said := w.said[key]; said && now.Sub(at) < warnAgain {
		return false
	}
	if len(w.said) >= warningsKept {
		for other, at := range w.said {
			if now.Sub(at) >= warnAgain {
				delete(w.said, other)
			}
		}
	}
	if len(w.said) >= warningsKept {
		return false
	}
	if w.said == nil {
		w.said = make(map[string]time.Time)
	}
	w.said[key] = now
	return true
}
