package access

import (
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// Log is an access log. A nil Log writes nothing. Its methods may be called concurrently.
type Log struct {
	log         *slog.Logger
	off, values atomic.Bool
	hidden      atomic.Pointer[[]string]

	// A flood of refusals must not hide the ends of streams, so each has a rate of its own.
	streams, others sampler
}

// Settings says which lines are written. The zero Settings writes every line, without values.
type Settings struct {
	Off bool // no line is written
	// Above a rate of Count lines in the time Per, one line in a hundred is written. 0 writes every line.
	Count int
	Per   time.Duration
	// Values adds the path and the query of the request.
	Values bool
}

// New returns an access log that writes every line to log, until Set is called. It returns nil where log is nil.
func New(log *slog.Logger) *Log {
	if log == nil {
		return nil
	}
	return &Log{log: log}
}

// Set replaces the settings.
func (l *Log) Set(s Settings) {
	if l == nil {
		return
	}
	l.off.Store(s.Off)
	l.values.Store(s.Values)
	l.streams.set(s.Count, s.Per)
	l.others.set(s.Count, s.Per)
}

// On reports whether lines are written at all.
func (l *Log) On() bool { return l != nil && !l.off.Load() }

// Values reports whether lines have the path and the query of the request.
func (l *Log) Values() bool { return l.On() && l.values.Load() }

// Hide adds names of query parameters that hold tokens. A name stays hidden when a later configuration lacks it: pages that were
// loaded before go on sending their tokens there. Hide must not be called concurrently.
func (l *Log) Hide(names []string) {
	if l == nil {
		return
	}
	if before := l.hidden.Load(); before != nil {
		names = slices.Concat(*before, names)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	l.hidden.Store(&names)
}

// Hides reports whether a query parameter holds a token.
func (l *Log) Hides(name string) bool {
	names := l.hidden.Load()
	return names != nil && slices.Contains(*names, name)
}

// Write writes a line, or leaves it out.
func (l *Log) Write(r *Record) {
	if !l.On() {
		return
	}
	sampler := &l.others
	if r.Kind == Stream {
		sampler = &l.streams
	}
	if leftOut, ok := sampler.admit(time.Now()); ok {
		l.log.Info(string(r.Kind), r.attributes(leftOut)...)
	}
}

// Close writes how many lines were left out since the last one of their kind.
func (l *Log) Close() {
	if l == nil {
		return
	}
	for _, s := range []struct {
		of      string
		sampler *sampler
	}{{"streams", &l.streams}, {"other requests", &l.others}} {
		if n := s.sampler.close(); n > 0 {
			l.log.Info("lines were left out", "of", s.of, "left_out", n)
		}
	}
}
