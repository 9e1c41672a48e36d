package bridgetest_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// short is the time-out of waits for something that never comes.
const short = 50 * time.Millisecond

// fake is a test that may fail. It has what bridgetest uses of a [testing.TB].
type fake struct {
	testing.TB
	ctx      context.Context
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (f *fake) Helper()                  {}
func (f *fake) Output() io.Writer        { return io.Discard }
func (f *fake) Context() context.Context { return f.ctx }

func (f *fake) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }

func (f *fake) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

func (f *fake) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

// failureOf runs a test with its cleanups, and returns the texts of its failures.
func failureOf(test func(tb testing.TB)) string {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f := &fake{ctx: ctx}
	inGoroutine(func() { test(f) })
	cancel()
	for _, c := range slices.Backward(f.cleanups) {
		inGoroutine(c)
	}
	return strings.Join(f.failures, "\n")
}

// inGoroutine runs f on a goroutine that f may end.
func inGoroutine(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}
