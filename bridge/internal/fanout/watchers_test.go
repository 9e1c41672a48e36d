package fanout

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A watcher that is alone stands elsewhere than several.
func TestEachWatcherIsCalledUntilItStops(t *testing.T) {
	for several := 1; several <= 3; several++ {
		for stopped := range several {
			t.Run(fmt.Sprint(stopped, " of ", several), func(t *testing.T) {
				var w watchers
				calls, want := make([]int, several+1), make([]int, several+1)
				watch := func(i int) (stop func()) { return w.add(func() { calls[i]++ }) }
				stops := make([]func(), several)
				told := func() {
					w.notify()
					for i := range want {
						if i < len(stops) && stops[i] != nil {
							want[i]++
						}
					}
					assert.Equal(t, want, calls)
				}
				for i := range stops {
					stops[i] = watch(i)
				}
				told()
				stops[stopped]()
				stops[stopped]()
				stops[stopped] = nil
				told()
				stops = append(stops, watch(several))
				told()
				for _, stop := range stops {
					if stop != nil {
						stop()
					}
				}
				stops = nil
				told()
				assert.Nil(t, w.only, "nothing is kept")
				assert.Empty(t, w.all)
				assert.Empty(t, w.list)
			})
		}
	}
}

// What is called may stop itself and others, and no call begins after that.
func TestAWatcherMayStopTheOthers(t *testing.T) {
	var w watchers
	var stops [3]func()
	calls := 0
	for i := range stops {
		stops[i] = w.add(func() {
			calls++
			for _, stop := range stops {
				stop()
			}
		})
	}
	w.notify()
	assert.Equal(t, 1, calls)
}
