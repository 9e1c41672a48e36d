package route

import (
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// UnknownTypes are the types that the messages of a route hold in a google.protobuf.Any and that no schema has. Their names come from
// the upstream, so there may be any number of them.
type UnknownTypes struct {
	pending atomic.Bool // whether there is something to take

	mu    sync.Mutex
	known map[string]bool
	news  []unknownType
}

// unknownType is one such type in one message.
type unknownType struct {
	Name  string
	First bool // of this name
}

const (
	maxUnknownTypes   = 100 // names that are told apart
	maxUnknownPending = 16  // as many as one message tells
	otherTypes        = "other"
	malformedType     = "malformed"
)

// add notes a type by its URL. It may be called concurrently.
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

// Take returns what was added and not taken yet.
func (u *UnknownTypes) Take() []unknownType {
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
