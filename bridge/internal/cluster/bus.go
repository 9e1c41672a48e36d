package cluster

import (
	"context"
	"errors"

	"github.com/grpcsse/grpcsse/bridge/internal/wire"
)

// These are the errors of a [Bus] that are answers. Any other error says that the bus did not answer: what was asked for may
// have happened or not.
var (
	// ErrExists says that Create found an entry.
	ErrExists = errors.New("cluster: the entry exists")
	// ErrConflict says that Update or Delete found an entry of another revision, or none.
	ErrConflict = errors.New("cluster: the entry has another revision")
	// ErrNoEntry says that Get found no entry.
	ErrNoEntry = errors.New("cluster: there is no such entry")
	// ErrNoResponders says that no other replica is subscribed to the subject of a request. The error comes at once.
	ErrNoResponders = errors.New("cluster: no replica is subscribed to the subject")
)

// Bus connects the replicas of a cluster. Its methods may be called concurrently.
//
// The entries are a small store which the replicas agree on: of several replicas that change an entry from one revision, one
// succeeds. A bus whose store was deleted makes a new one. Messages are carried at most once. Messages from one replica to one
// handler are handled in their order. A replica does not receive its own messages.
//
// Subjects consist of words of letters, digits and "-", with "." between them. The bus puts what tells clusters apart before
// them. They are:
//
//	ev.NAME      pages of the owner, to all
//	log.NAME     questions to the owner of a key, which are requests
//	want.NAME    a request of the owner to the replicas that follow a key
//	alive.REPLICA  a request to a replica, by its incarnation
//	in.REPLICA   messages to one replica: pages that it asked for, and what followers tell an owner
//	beat         beats, to all
type Bus interface {
	// Create adds an entry and returns its revision. The error is [ErrExists] where there is one. An entry that was deleted can
	// be created again: its revision is higher than all earlier ones of the store.
	Create(ctx context.Context, name string, value []byte) (revision uint64, err error)
	// Update replaces an entry of a revision and returns the new revision, which is higher. The error is [ErrConflict] where the
	// entry has another revision.
	Update(ctx context.Context, name string, value []byte, revision uint64) (next uint64, err error)
	// Get returns an entry as the store has it: it must not come from a copy that may be older than the newest write. The error
	// is [ErrNoEntry] where there is none.
	Get(ctx context.Context, name string) (value []byte, revision uint64, err error)
	// Delete removes an entry of a revision. The error is [ErrConflict] where the entry has another revision.
	Delete(ctx context.Context, name string, revision uint64) error

	// Publish sends a message of at most MaxPayload bytes. It does not wait for another replica. It may keep data.
	Publish(subject string, data []byte) error
	// Subscribe has handle called for each message on a subject, until stop is called. handle must not wait and must not call the
	// bus, except Publish and Reply. It may be called once more after stop has returned. There may be tens of thousands of
	// subscriptions: a bus has no goroutine for each.
	Subscribe(subject string, handle func(*Delivery)) (stop func(), err error)
	// Request sends a message and waits for the first reply. The error is [ErrNoResponders] where no other replica is subscribed.
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)
	// MaxPayload returns the greatest size of a message in bytes.
	MaxPayload() int

	// Watch calls changed when the connection is there and when it is lost, until stop is called, and at once with how it is
	// now. changed must not wait. Calls come one at a time.
	Watch(changed func(connected bool)) (stop func())
}

// Delivery is a message that a replica received.
type Delivery struct {
	Subject string // as it was given to Subscribe
	Data    []byte // the handler may keep the bytes
	// Reply answers a request. It does not wait. It is nil where the message is no request.
	Reply func(data []byte) error
}

// Codec writes and reads the messages of replicas. Its methods may be called concurrently. A message is bound to its subject,
// and the value of an entry to its name in place of a subject.
type Codec interface {
	// Name returns the name of a key in subjects and entries: letters and digits. Replicas of one cluster have the same names.
	Name(key string) string
	// Encode returns a message as pieces of at most limit bytes, which are to be sent in their order. A request, a reply and the
	// value of an entry is one piece: there is an error where that would be too large.
	Encode(subject string, m wire.Message, limit int) ([][]byte, error)
	// Decode returns the message of a piece. It is nil without an error where other pieces of the message are still to come. A
	// codec bounds what it keeps of messages whose pieces have not all come.
	Decode(subject string, piece []byte) (*wire.Message, error)
}
