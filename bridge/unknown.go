package bridge

import (
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// unknownTypes are the types that the messages of a route hold in a google.protobuf.Any and that no schema has. Their names come from
// the upstream, so there may be any number of them.
type unknownTypes struct {
	pending atomic.Bool // whether there is something to take

	mu    sync.Mutex
	known map[string]bool
	news  []unknownType
}

// unknownType is one such type in one message.
type unknownType struct {
	name  string
	first bool // of this name
}

const (
	maxUnknownTypes   = 100 // names that are told apart
	maxUnknownPending = 16  // as many as one message tells
	otherTypes        = "other"
	malformedType     = "malformed"
)

// add notes a type by its URL. It may be called concurrently.
func (u *unknownTypes) add(url string) {
	name := url[strings.LastIndexByte(url, '/')+1:]
	if len(name) > 255 || !protoreflect.FullName(name).IsValid() {
		name = malformedType
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.known[name] && len(u.known) >= maxUnknownTypes {
		name = otherTypes
	}
	if len(u.news) >= maxUnknownPending && u.known[name] {
		return
	}
	if u.known == nil {
		u.known = map[string]bool{}
	}
	u.news = append(u.news, unknownType{name, !u.known[name]})
	u.known[name] = true
	u.pending.Store(true)
}

// take returns what was added and not taken yet.
func (u *unknownTypes) take() []unknownType {
	if !u.pending.Load() {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	news := u.news
	u.news = nil
	u.pending.Store(false)
	return news
}

// tellUnknown tells which types the last message held that no schema has: the observer each time, the log once for each name.
func (f *feed) tellUnknown() {
	for _, u := range f.rt.plan.unknown.take() {
		f.bridge.observer.TypeUnknown(f.rt.cfg.Name, u.name)
		if u.first {
			f.bridge.log.Warn("a message holds a type that no schema has: it is sent as its bytes", "route", f.rt.cfg.Name,
				"rpc", f.rt.plan.method, "type", u.name)
		}
	}
}
