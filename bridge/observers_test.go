package bridge

import (
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
)

// told is an observer whose every method panics, since there is none behind it.
type told struct {
	Observer
}

// Each call to an observer goes through the guard, and each method of Observer is called from somewhere.
func TestEveryMethodOfAnObserverMayPanic(t *testing.T) {
	var log strings.Builder
	o := &observers{all: []Observer{told{}, told{}}, log: slog.New(slog.NewTextHandler(&log, nil))}
	callAll := func() {
		o.started(nil)
		o.closed(nil)
		o.reloaded(nil)
		for _, adapter := range []any{handlerObserver{o}, streamObserver{o}, catalogObserver{o}} {
			v := reflect.ValueOf(adapter)
			for i := range v.NumMethod() {
				var args []reflect.Value
				for j := range v.Method(i).Type().NumIn() {
					args = append(args, zeroOf(v.Method(i).Type().In(j)))
				}
				assert.NotPanics(t, func() { v.Method(i).Call(args) }, v.Type().Method(i).Name)
			}
		}
	}
	callAll()
	methods := reflect.TypeFor[Observer]()
	for i := range methods.NumMethod() {
		assert.Equal(t, 2, strings.Count(log.String(), "method="+methods.Method(i).Name+" "),
			"%s: the panic of each observer is logged", methods.Method(i).Name)
	}
	before := log.Len()
	callAll()
	assert.Equal(t, before, log.Len(), "each panic is logged once")
}

// zeroOf returns the zero value of a type, and an empty ending for a pointer to one.
func zeroOf(t reflect.Type) reflect.Value {
	if t == reflect.TypeFor[*ending.Ending]() {
		return reflect.ValueOf(&ending.Ending{})
	}
	return reflect.Zero(t)
}
