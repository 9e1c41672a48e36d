package natsbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster"
)

// store is a bucket of JetStream that says which replica owns a key. The revision of an entry is the term of its owner.
type store struct {
	js       jetstream.JetStream
	conn     *nats.Conn
	bucket   string
	replicas int
	notes    *notes

	opening chan struct{} // has room for the one call that opens the bucket

	mu sync.Mutex
	kv jetstream.KeyValue // nil until the bucket is known to be there
}

const (
	// bucketBytes bounds the bucket. An entry needs some 200 bytes.
	bucketBytes = 64 << 20
	// markerAge is how long the bucket remembers that an entry was deleted.
	markerAge = time.Minute
	// entryAge is how long an entry stays that is not written. An owner notices that its entry is gone, and makes it again.
	entryAge = 24 * time.Hour
)

func newStore(conn *nats.Conn, c *config.Cluster, n *notes) (*store, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return nil, err
	}
	return &store{js: js, conn: conn, bucket: "grpcsse_" + c.Name, replicas: c.Replicas, notes: n, opening: make(chan struct{}, 1)}, nil
}

// entries returns the bucket, and makes it where it is not there.
func (s *store) entries(ctx context.Context) (jetstream.KeyValue, error) {
	if kv := s.known(); kv != nil {
		return kv, nil
	}
	select {
	case s.opening <- struct{}{}:
		defer func() { <-s.opening }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if kv := s.known(); kv != nil {
		return kv, nil
	}
	kv, err := s.open(ctx)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			s.notes.fault("the bucket "+s.bucket, err)
		}
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kv = kv
	s.notes.works("the bucket " + s.bucket)
	return kv, nil
}

func (s *store) known() jetstream.KeyValue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kv
}

func (s *store) open(ctx context.Context) (jetstream.KeyValue, error) {
	_, err := s.js.Stream(ctx, "KV_"+s.bucket)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = s.make(ctx)
	}
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("JetStream is off or has no leader: start nats-server with JetStream, for example `nats-server -js`: %w", err)
	case err != nil:
		return nil, err
	}
	return s.js.KeyValue(ctx, s.bucket)
}

// make makes the bucket. Reads come from the server that leads it: another one may not know the newest entry yet.
func (s *store) make(ctx context.Context) error {
	want := jetstream.StreamConfig{
		Name: "KV_" + s.bucket, Description: "who reads which shared stream of grpcsse", Subjects: []string{"$KV." + s.bucket + ".>"},
		Storage: jetstream.MemoryStorage, MaxMsgsPerSubject: 1, MaxBytes: bucketBytes, MaxAge: entryAge, Discard: jetstream.DiscardNew,
		DenyDelete: true, AllowRollup: true, AllowDirect: false, AllowMsgTTL: true, SubjectDeleteMarkerTTL: markerAge,
		Replicas: s.copies(),
	}
	_, err := s.js.CreateStream(ctx, want)
	if err != nil && s.replicas == 0 && want.Replicas > 1 {
		want.Replicas = 1
		_, err = s.js.CreateStream(ctx, want)
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another replica was faster
		return nil
	}
	return err
}

// copies returns how many servers are to keep the bucket.
func (s *store) copies() int {
	switch {
	case s.replicas > 0:
		return s.replicas
	case s.conn.ConnectedClusterName() != "" && len(s.conn.Servers()) >= 3:
		return 3
	}
	return 1
}

// do calls a function with the bucket. Where the bucket is gone, it makes it again first.
func (s *store) do(ctx context.Context, call func(jetstream.KeyValue) error) error {
	for again := true; ; again = false {
		kv, err := s.entries(ctx)
		if err != nil {
			return err
		}
		err = call(kv)
		if !again || !isGone(err) {
			s.note(err)
			return err
		}
		s.mu.Lock()
		if s.kv == kv {
			s.kv = nil
		}
		s.mu.Unlock()
	}
}

// note logs once why the bucket cannot be used, although it is there: it may be full, for example.
func (s *store) note(err error) {
	if err = answer(err); err != nil && !isAnswer(err) && !errors.Is(err, context.Canceled) {
		s.notes.fault("an entry of the bucket "+s.bucket, err)
	}
}

func isAnswer(err error) bool {
	return errors.Is(err, cluster.ErrConflict) || errors.Is(err, cluster.ErrNoEntry)
}

// isGone reports whether an error says that there is no bucket.
func isGone(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, nats.ErrNoResponders)
}

// answer returns an error of the bucket as one of a [cluster.Bus].
func answer(err error) error {
	api := (*jetstream.APIError)(nil)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted):
		return cluster.ErrNoEntry
	case errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == wrongLastConstant):
		return cluster.ErrConflict
	}
	return err
}

// wrongLastConstant is the code with which a server answers at an update whose revision is not the newest one, where it does not
// name the newest one.
const wrongLastConstant = 10164

// Create implements [cluster.Bus].
func (s *store) Create(ctx context.Context, name string, value []byte) (revision uint64, err error) {
	err = s.do(ctx, func(kv jetstream.KeyValue) (err error) {
		revision, err = kv.Create(ctx, name, value)
		return err
	})
	if err = answer(err); errors.Is(err, cluster.ErrConflict) {
		err = cluster.ErrExists // another replica was faster, behind an entry that was deleted
	}
	return revision, err
}

// Update implements [cluster.Bus].
func (s *store) Update(ctx context.Context, name string, value []byte, revision uint64) (next uint64, err error) {
	err = s.do(ctx, func(kv jetstream.KeyValue) (err error) {
		next, err = kv.Update(ctx, name, value, revision)
		return err
	})
	return next, answer(err)
}

// Get implements [cluster.Bus].
func (s *store) Get(ctx context.Context, name string) (value []byte, revision uint64, err error) {
	err = s.do(ctx, func(kv jetstream.KeyValue) error {
		entry, err := kv.Get(ctx, name)
		if err == nil {
			value, revision = entry.Value(), entry.Revision()
		}
		return err
	})
	return value, revision, answer(err)
}

// Delete implements [cluster.Bus].
func (s *store) Delete(ctx context.Context, name string, revision uint64) error {
	return answer(s.do(ctx, func(kv jetstream.KeyValue) error {
		return kv.Purge(ctx, name, jetstream.LastRevision(revision), jetstream.PurgeTTL(markerAge))
	}))
}
