package bridge

import (
	"log/slog"

	"github.com/grpcsse/grpcsse/bridge/internal/catalog"
	"github.com/grpcsse/grpcsse/bridge/internal/source"
)

// Option changes what [New] builds.
type Option interface{ apply(*options) }

type options struct {
	log      *slog.Logger
	observer Observer
	services []source.Service
	routes   []catalog.SourcedRoute
}

// newOptions applies options to the defaults.
func newOptions(opts []Option) *options {
	o := &options{log: slog.New(slog.DiscardHandler), observer: NopObserver{}}
	for _, opt := range opts {
		opt.apply(o)
	}
	return o
}

// catalog returns what the routes are made of beside the configuration.
func (o *options) catalog() catalog.Options {
	return catalog.Options{Log: o.log, Observer: o.observer, Services: o.services, Routes: o.routes}
}

type optionFunc func(*options)

func (f optionFunc) apply(o *options) { f(o) }

// WithLogger makes the bridge log to l: what an operator should know at Warn and Info, each stream's end at Debug. No
// credential, message, path or query ever reaches a log, and of headers only Origin and Host of requests that were refused for them; a panic of a source of the program's own is logged with its value. By
// default, and with nil, nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return optionFunc(func(o *options) {
		if l != nil {
			o.log = l
		}
	})
}

// WithObserver tells o what happens, so that it can be counted. By default, and with nil, nobody is told.
func WithObserver(o Observer) Option {
	return optionFunc(func(set *options) {
		if o != nil {
			set.observer = o
		}
	})
}
