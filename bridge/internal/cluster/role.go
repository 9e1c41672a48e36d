package cluster

import "time"

// Role is what a replica is for a key.
type Role uint8

// These are the roles.
const (
	Joining  Role = iota // the replica does not know yet who owns the key
	Owner                // it reads the upstream, for all
	Follower             // another replica reads the upstream
	Alone                // it reads the upstream for itself, because no other replica can be asked
	Gone                 // it has no part in the key
)

func (r Role) String() string {
	return [...]string{"joining", "owner", "follower", "alone", "gone"}[r]
}

// These are the times of the protocol.
const (
	mostJitter     = 50 * time.Millisecond // a random time up to this passes before a claim, so that one replica claims first
	claimPatience  = time.Second           // how long the store may take to answer a claim before the replica is alone
	recheckAfter   = 15 * time.Second      // how often an owner reads its entry
	resignedCheck  = time.Second           // how often an owner that resigned reads it
	resignedClaims = time.Second           // how long a replica that resigned leaves a key to others
	firstRetry     = 100 * time.Millisecond
	mostRetry      = 5 * time.Second
)

// entryOp is what is done with the entry of a key.
type entryOp uint8

const (
	noOp entryOp = iota
	opCreate
	opUpdate
	opGet
	opDelete
)

// state is what a replica knows of a key, and what it is for the key. It changes by step only.
type state struct {
	me       string // the replica's incarnation
	role     Role
	local    bool // the replica has subscribers of the key
	resigned bool
	looked   bool // the entry was asked for when the replica came
	leaves   bool // an entry of the replica must be deleted, because the replica has left

	connected bool
	lost      time.Duration // when the connection was lost, where connected is not set
	patience  time.Duration

	term     uint64 // the highest term that the replica has heard of
	owner    string // the owner in that term; "" where it gave the key up, or is not known
	revision uint64 // of the entry; 0 where it is not known
	base     uint64 // of the entry of that revision
	dead     bool   // the owner does not answer, or says that it does not own the key
	alive    bool   // the owner has answered since it was learnt of

	op      entryOp       // what is under way with the entry
	unasked time.Duration // since when the replica wants an answer of the store and has none; never: it wants none
	claimAt time.Duration // when the replica claims a key without an owner; never: it does not
	retryAt time.Duration // no request to the store before this time
	retry   time.Duration // how long the next failure is waited after
	checkAt time.Duration // when the entry is read again
	wake    time.Duration // when the next step is due if nothing happens before
}

// never is later than all times.
const never = time.Duration(1<<63 - 1)

func newState(me string, local, connected bool, lost, patience time.Duration) state {
	return state{
		me: me, local: local, connected: connected, lost: lost, patience: patience,
		unasked: never, claimAt: never, checkAt: never, retry: firstRetry,
	}
}

// input is what happens to a replica's part in a key, at a time. jitter is random, up to mostJitter.
type input struct {
	at     time.Duration
	jitter time.Duration
	event  any // one of the types below; nil: time has passed
}

type (
	wantChanged struct{ local bool }
	resignAsked struct{}
	leaveAsked  struct{}
	linkChanged struct{ connected bool }
	clockJumped struct{} // the process stood still, and others may have taken over
	ownerGaveUp heard
	verdictCame struct {
		replica string
		alive   bool
	}
	// ownerDenied says that the owner of the term answers, and says that it does not own the key.
	ownerDenied heard
	entryAnswer struct {
		op       entryOp
		err      error  // nil, ErrExists, ErrConflict, ErrNoEntry, or another, which is no answer
		owner    string // of opGet
		base     uint64 // of opGet, or what was written
		revision uint64
	}
)

// heard is that a replica said that it owns the key in a term.
type heard struct {
	from string
	term uint64
}

// action is what a step has the replica do.
type action struct {
	kind     actionKind
	term     uint64 // of doLead and doSayGaveUp
	revision uint64 // of doUpdate and doDelete
	base     uint64 // of doCreate and doUpdate
}

type actionKind uint8

const (
	doLead actionKind = iota
	doFollow
	doAlone
	doAsk // ask the owner for what follows the replica's place
	doCreate
	doUpdate
	doGet
	doDelete
	doSayGaveUp // tell all that the entry is given up
)
