package bridge

import (
	"log/slog"

	"github.com/grpcsse/grpcsse/bridge/internal/catalog"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// Option adds to what [New] builds, or changes it. An Option may be used for several bridges.
type Option interface{ apply(*options) }

type options struct {
	log       *slog.Logger
	observers observers
	services  []source.Service
	routes    []catalog.SourcedRoute
}

// newOptions applies options to the defaults.
func newOptions(opts []Option) *options {
	o := &options{log: slog.New(slog.DiscardHandler)}
	for _, opt := range opts {
		opt.apply(o)
	}
	o.observers.log = o.log
	return o
}

// catalog returns the options of the catalog.
func (o *options) catalog() catalog.Options {
	return catalog.Options{Log: o.log, Observer: catalogObserver{&o.observers}, Services: o.services, Routes: o.routes}
}

type optionFunc func(*options)

func (f optionFunc) apply(o *options) { f(o) }

// WithLogger makes the bridge log to l. Warn and Info are for what an operator should know, Debug for the end of each stream.
// No credential, message of a stream, path or query of a request is logged; what an upstream itself
// says of an error is, at Debug. Of its headers, only Origin and Host are, where the request was
// refused because of them. A panic of a source that the program brings is logged with its value. By default, and with nil,
// nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(o *options) {
		if l != nil {
			o.log = l
		}
	})
}

// WithObserver makes the bridge call the methods of o. The option may be given several times: the bridge calls each of the
// observers, in the order of the options. By default there is none. nil adds none.
func WithObserver(o Observer) Option {
	return optionFunc(func(set *options) {
		if o != nil {
			set.observers.all = append(set.observers.all, o)
		}
	})
}
