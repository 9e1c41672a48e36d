package route

import (
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// UnknownTypes collects the types that messages of a route hold in a google.protobuf.Any and that no schema has. The names come
// from the upstream, so their number is bounded. Its methods may be called concurrently.
type UnknownTypes struct {
	hasPending atomic.Bool // pending is not empty

	mu      sync.Mutex
	known   map[string]bool
	pending []UnknownType
}

// UnknownType is one unknown type in one message.
type UnknownType struct {
	Name  string
	First bool // the name is reported for the first time
}

const (
	maxUnknownTypes   = 100 // how many different names are reported
	maxUnknownPending = 16  // how many known names wait to be taken
	otherTypes        = "other"
	malformedType     = "malformed"
)

// add records a type by its URL.
func (u *UnknownTypes) add(url string) {
	name := url[strings.LastIndexByte(url, '/')+1:]
	if len(name) > 255 || !protoreflect.FullName(name).IsValid() {
		name = malformedType
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.known[name] && len(u.known) >= maxUnknownTypes {
		name = otherTypes
	}
	if len(u.pending) >= maxUnknownPending && u.known[name] {
		return
	}
	if u.known == nil {
		u.known = map[string]bool{}
	}
	u.pending = append(u.pending, UnknownType{name, !u.known[name]})
	u.known[name] = true
	u.hasPending.Store(true)
}

// Take returns the types that were added since the last Take.
func (u *UnknownTypes) Take() []UnknownType {
	if !u.hasPending.Load() {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.pending
	u.pending = nil
	u.hasPending.Store(false)
	return taken
}
