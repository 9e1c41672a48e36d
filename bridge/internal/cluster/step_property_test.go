package cluster

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// script draws inputs for one replica. The store answers what was asked, at any later time, with any answer.
type script struct {
	t     *rapid.T
	s     state
	now   time.Duration
	last  uint64 // the newest revision of the store
	asked []action
}

// next draws an input and the time at which it happens.
func (s *script) next() input {
	t := s.t
	waits := rapid.SampledFrom([]time.Duration{0, ms, 20 * ms, 100 * ms, 700 * ms, 3 * time.Second, 16 * time.Second})
	wait := waits.Draw(t, "wait")
	if rapid.Bool().Draw(t, "until it is due") && s.s.wake != never {
		wait = s.s.wake - s.now
	}
	s.now += wait
	in := input{at: s.now, jitter: rapid.SampledFrom([]time.Duration{0, 30 * ms}).Draw(t, "jitter")}
	replica := rapid.SampledFrom([]string{"other", "third"})
	term := rapid.Uint64Range(max(s.s.term, 2)-2, s.s.term+2)
	switch rapid.IntRange(0, 13).Draw(t, "event") {
	case 0:
		in.event = wantChanged{rapid.Bool().Draw(t, "local")}
	case 1:
		in.event = resignAsked{}
	case 2:
		in.event = linkChanged{rapid.Bool().Draw(t, "connected")}
	case 3:
		in.event = clockJumped{}
	case 4:
		in.event = heard{replica.Draw(t, "from"), term.Draw(t, "term")}
	case 5:
		in.event = ownerGaveUp{replica.Draw(t, "from"), term.Draw(t, "term")}
	case 6, 7:
		in.event = verdictCame{replica.Draw(t, "from"), rapid.Bool().Draw(t, "alive")}
	case 8:
		in.event = ownerDenied{replica.Draw(t, "from"), term.Draw(t, "term")}
	case 9, 10, 11, 12:
		if s.s.op != noOp {
			in.event = s.answer()
		}
	}
	return in
}

// answer draws what the store answers.
func (s *script) answer() entryAnswer {
	a := s.asked[0]
	answer := entryAnswer{base: a.base, revision: a.revision}
	refusal := map[actionKind]error{doCreate: ErrExists, doUpdate: ErrConflict, doDelete: ErrConflict, doGet: ErrNoEntry}[a.kind]
	answer.op = map[actionKind]entryOp{doCreate: opCreate, doUpdate: opUpdate, doDelete: opDelete, doGet: opGet}[a.kind]
	answer.err = rapid.SampledFrom([]error{nil, nil, refusal, errDown}).Draw(s.t, "err")
	switch {
	case answer.err != nil:
	case a.kind == doGet:
		answer.owner = rapid.SampledFrom([]string{"me", "other", "third"}).Draw(s.t, "owner")
		answer.revision = rapid.Uint64Range(1, s.last+1).Draw(s.t, "revision")
		answer.base = rapid.Uint64Range(0, 2).Draw(s.t, "base")
		s.last = max(s.last, answer.revision)
	case a.kind != doDelete:
		s.last++
		answer.revision = s.last
	}
	return answer
}

// What holds for each step of each replica, whatever it is told.
func TestStepsOfARole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &script{t: t, s: newState("me", true, true, 0, 2*time.Second)}
		var led uint64
		reads, began := false, false
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			in := s.next()
			before := s.s
			after, did := step(before, in)
			if again, didAgain := step(before, in); !assert.Equal(t, after, again) || !assert.Equal(t, did, didAgain) {
				t.Fatal("a step depends on its input only")
			}
			s.s = after
			asks := 0
			for _, a := range did {
				switch a.kind {
				case doLead:
					require.Greater(t, a.term, led, "each time that a replica leads it has a higher term")
					require.Equal(t, after.term, a.term, "no higher term is known")
					led, reads, began = a.term, true, true
				case doAlone:
					reads, began = true, true
				case doFollow:
					require.True(t, reads || !began, "a replica that follows is told so once")
					require.NotEqual(t, "me", after.owner)
					reads, began = false, true
				case doAsk:
					require.NotContains(t, []Role{Owner, Joining}, after.role)
				case doCreate, doUpdate, doGet, doDelete:
					asks++
					s.asked = []action{a}
					require.True(t, before.op == noOp || isAnswer(in), "one request to the store is under way at most")
					if a.kind == doCreate || a.kind == doUpdate {
						require.True(t, after.local || before.role == Owner, "a replica without subscribers does not claim")
					}
				case doSayGaveUp:
				}
			}
			require.LessOrEqual(t, asks, 1)
			checkStep(t, before, after, in, did, reads)
		}
	})
}

func isAnswer(in input) bool { _, ok := in.event.(entryAnswer); return ok }

func checkStep(t *rapid.T, before, after state, in input, did []action, reads bool) {
	kinds := make([]actionKind, 0, len(did))
	for _, a := range did {
		kinds = append(kinds, a.kind)
	}
	require.GreaterOrEqual(t, after.term, before.term, "terms do not fall")
	require.Greater(t, after.wake, in.at, "a step is due later, not at once")
	require.Equal(t, after.role == Owner || after.role == Alone, reads, "the owner reads, and who is alone")
	if before.role == Owner && after.role == Owner && before.resigned && !slices.Contains(kinds, doLead) {
		require.Equal(t, before.term, after.term, "one that resigned goes on until it has heard of the next term")
	}
	if h, ok := in.event.(heard); ok && before.role == Owner && h.term > before.term {
		require.Contains(t, kinds, doFollow, "a higher term ends an owner")
	}
	answer, ok := in.event.(entryAnswer)
	if !ok {
		return
	}
	if answer.op == opCreate && errors.Is(answer.err, ErrExists) || answer.op == opUpdate && errors.Is(answer.err, ErrConflict) {
		require.Contains(t, kinds, doGet, "a lost claim is followed by a read")
	}
	if before.role == Alone && answered(answer.err) && after.role == Alone && after.connected {
		require.True(t, after.op != noOp || after.wake < never, "one that is alone asks again")
	}
}

// A replica with subscribers that has no owner is not silent for longer than the times of the protocol: whatever happened before,
// the replica leads or is alone.
func TestNoReplicaIsSilentForLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &script{t: t, s: newState("me", true, true, 0, 2*time.Second)}
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			s.step(s.next())
		}
		s.step(input{at: s.now, event: wantChanged{true}})
		if s.s.op != noOp {
			s.step(input{at: s.now, event: entryAnswer{op: s.s.op, err: errDown}})
		}
		if rapid.Bool().Draw(t, "connected") {
			s.step(input{at: s.now, event: linkChanged{true}})
			s.step(input{at: s.now, event: verdictCame{s.s.owner, false}}) // and the store is silent from now on
		} else {
			s.step(input{at: s.now, event: linkChanged{false}})
		}
		end := s.now + mostRetry + resignedClaims + claimPatience + 2*time.Second
		for s.s.wake < end {
			s.now = s.s.wake
			s.step(input{at: s.now})
		}
		require.Contains(t, []Role{Owner, Alone}, s.s.role)
	})
}

func (s *script) step(in input) {
	var did []action
	s.s, did = step(s.s, in)
	for _, a := range did {
		if a.kind >= doCreate && a.kind <= doDelete {
			s.asked = []action{a}
		}
	}
}
