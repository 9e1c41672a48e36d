package replaytest

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// faultVariable names the fault that a process of TestFaultsAreFound is to show.
const faultVariable = "REPLAYTEST_FAULT"

// faulty is a log with something wrong. The ring does right what the faulty log does not do itself.
type faulty struct {
	*replay.Ring

	append func(context.Context, replay.Draft) error
	watch  func(replay.Watcher) func()
	read   func([]*replay.Event, replay.Position, int) ([]*replay.Event, error)
	find   func(string) (replay.Position, bool)
	lag    func(replay.Position) replay.Lag
	trim   func(int64)
}

func (f *faulty) Append(ctx context.Context, d replay.Draft) error { return f.append(ctx, d) }
func (f *faulty) Watch(w replay.Watcher) func()                    { return f.watch(w) }
func (f *faulty) Find(id string) (replay.Position, bool)           { return f.find(id) }
func (f *faulty) Lag(from replay.Position) replay.Lag              { return f.lag(from) }
func (f *faulty) Trim(bytes int64)                                 { f.trim(bytes) }
func (f *faulty) Read(dst []*replay.Event, from replay.Position, limit int) ([]*replay.Event, error) {
	return f.read(dst, from, limit)
}

// right returns a log without a fault.
func right(b replay.Bounds) *faulty {
	r := replay.NewRing(b)
	return &faulty{Ring: r, append: r.Append, watch: r.Watch, read: r.Read, find: r.Find, lag: r.Lag, trim: r.Trim}
}

// faults returns logs by the fault that each has.
func faults() map[string]func(replay.Bounds) Log {
	return map[string]func(replay.Bounds) Log{
		"loses the bound of events": func(b replay.Bounds) Log { b.Events = 0; return right(b) },
		"loses the bound of bytes":  func(b replay.Bounds) Log { b.Bytes = 0; return right(b) },
		"loses the bound of age":    func(b replay.Bounds) Log { b.Age = 0; return right(b) },
		"holds one event too many":  func(b replay.Bounds) Log { b.Events += min(b.Events, 1); return right(b) },
		"holds one event too few":   func(b replay.Bounds) Log { b.Events = max(b.Events-1, min(b.Events, 1)); return right(b) },
		"goes on where it can": func(b replay.Bounds) Log {
			f := right(b)
			f.read = func(dst []*replay.Event, from replay.Position, limit int) ([]*replay.Event, error) {
				from.Offset = max(from.Offset, f.State().First)
				return f.Ring.Read(dst, from, limit)
			}
			return f
		},
		"forgets epochs when it reads": func(b replay.Bounds) Log {
			f := right(b)
			f.read = func(dst []*replay.Event, from replay.Position, limit int) ([]*replay.Event, error) {
				from.Epoch = f.State().Epoch
				return f.Ring.Read(dst, from, limit)
			}
			return f
		},
		"appends wherever the end is": func(b replay.Bounds) Log {
			f := right(b)
			f.append = func(ctx context.Context, d replay.Draft) error {
				d.Position = f.State().End()
				return f.Ring.Append(ctx, d)
			}
			return f
		},
		"calls no watcher": func(b replay.Bounds) Log {
			f := right(b)
			f.watch = func(replay.Watcher) func() { return func() {} }
			return f
		},
		"calls on after stop": func(b replay.Bounds) Log {
			f := right(b)
			f.watch = func(w replay.Watcher) func() { f.Ring.Watch(w); return func() {} }
			return f
		},
		"finds the oldest": func(b replay.Bounds) Log {
			f, ids := right(b), map[string]replay.Position{}
			f.append = func(ctx context.Context, d replay.Draft) error {
				err := f.Ring.Append(ctx, d)
				if at, found := f.Ring.Find(d.ID); found && err == nil && ids[d.ID] == (replay.Position{}) {
					ids[d.ID] = at
				}
				return err
			}
			f.find = func(id string) (replay.Position, bool) {
				at, found := f.Ring.Find(id)
				if first, ok := ids[id]; found && ok {
					return first, true
				}
				return at, found
			}
			return f
		},
		"finds an id that stands in two places": func(b replay.Bounds) Log {
			f, ids := right(b), map[string]replay.Position{}
			f.append = func(ctx context.Context, d replay.Draft) error {
				err := f.Ring.Append(ctx, d)
				if err == nil && d.ID != "" {
					ids[d.ID] = replay.Position{Epoch: d.Epoch, Offset: d.Offset + 1}
				}
				return err
			}
			f.find = func(id string) (replay.Position, bool) {
				at := ids[id]
				return at, at.Epoch != "" && at.Epoch == f.State().Epoch && at.Offset > f.State().First
			}
			return f
		},
		"knows no lag": func(b replay.Bounds) Log {
			f := right(b)
			f.lag = func(replay.Position) replay.Lag { return replay.Lag{} }
			return f
		},
		"trims nothing": func(b replay.Bounds) Log {
			f := right(b)
			f.trim = func(int64) {}
			return f
		},
	}
}

// TestFaultsAreFound runs the suite against logs that are wrong, each in a process of its own, because its tests fail.
func TestFaultsAreFound(t *testing.T) {
	patience = 200 * time.Millisecond
	if fault := os.Getenv(faultVariable); fault != "" {
		Run(t, faults()[fault])
		return
	}
	defer func() { patience = Patience }()
	t.Run("none", func(t *testing.T) { Run(t, func(b replay.Bounds) Log { return right(b) }) })
	for _, fault := range slices.Sorted(maps.Keys(faults())) {
		t.Run(fault, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFaultsAreFound$", "-test.failfast", "-rapid.nofailfile")
			command.Env = append(os.Environ(), faultVariable+"="+fault)
			out, err := command.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "the suite found nothing:\n%s", out)
			require.Contains(t, string(out), "--- FAIL")
			require.NotContains(t, string(out), "panic:")
		})
	}
}
