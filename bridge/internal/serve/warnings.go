package serve

import (
	"log/slog"
	"sync"
	"time"
)

// Bounds of the warnings that requests can cause.
const (
	warnAgain    = time.Hour // how long the same warning is not repeated
	warnBytes    = 200       // how many bytes of two subjects are compared
	warningsKept = 100       // how many subjects of one kind are logged within warnAgain; the last line says that more are not logged
)

// warnings logs problems that requests cause and an operator should know about. It logs each subject once an hour, however many
// requests there are. Each kind has its own bound, so that made-up subjects of one kind do not hide another kind. It is safe
// for concurrent use.
type warnings struct {
	log *slog.Logger

	mu     sync.Mutex
	logged map[string]map[string]time.Time // when each subject was logged, by kind; guarded by mu
}

// once logs a warning, unless a warning of the same kind about the same subject was logged in the last hour. The number of
// kinds is bounded by the code and the configuration. Only the subject may come from a client.
func (w *warnings) once(kind, subject, message string, args ...any) {
	ok, last := w.admit(kind, subject, time.Now())
	if last {
		args = append(args, "more", "not logged for "+warnAgain.String())
	}
	if ok {
		w.log.Warn(message, args...)
	}
}

// admit reports whether a warning is to be logged now, and whether it is the last one of its kind for some time.
func (w *warnings) admit(kind, subject string, now time.Time) (ok, last bool) {
	subject = subject[:min(len(subject), warnBytes)]
	w.mu.Lock()
	defer w.mu.Unlock()
	logged := w.logged[kind]
	if at, before := logged[subject]; before && now.Sub(at) < warnAgain {
		return false, false
	}
	for other, at := range logged {
		if now.Sub(at) >= warnAgain {
			delete(logged, other)
		}
	}
	switch {
	case len(logged) >= warningsKept:
		return false, false
	case w.logged == nil:
		w.logged = make(map[string]map[string]time.Time)
		fallthrough
	case logged == nil:
		logged = make(map[string]time.Time)
		w.logged[kind] = logged
	}
	logged[subject] = now
	return true, len(logged) == warningsKept
}
