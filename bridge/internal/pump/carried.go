package pump

import (
	"fmt"
	"net/http"
	"runtime/debug"
)

// carried is a panic of a goroutine that works for another one.
type carried struct {
	value any
	stack []byte
}

// Carried returns what the goroutine that waits should panic with, for the value that recover has returned in the goroutine that worked
// for it: net/http then sees a panic in its handler. The value nil stands for a goroutine that has called [runtime.Goexit], which
// counts as a panic too.
func Carried(value any) any {
	if value == nil {
		value = "a goroutine has ended by runtime.Goexit"
	}
	if value == http.ErrAbortHandler { // net/http knows it by its identity
		return value
	}
	return &carried{value: value, stack: debug.Stack()}
}

// Error returns the value and the stack on which the panic began.
func (c *carried) Error() string { return fmt.Sprintf("%v\n\n%s", c.value, c.stack) }

// Unwrap returns the value where it is an error.
func (c *carried) Unwrap() error {
	err, _ := c.value.(error)
	return err
}
