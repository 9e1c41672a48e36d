package fanout_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
)

// Simpler rules than those of catching up look right, and lose messages without telling the pages. Each test drops a rule and
// plays the same plans as TestPagesCatchUp until one of them shows that.

// Several messages may share an id, so an id alone does not say which of them a catch-up has in common with the log.
func TestOneEventInCommonIsNotEnough(t *testing.T) {
	kind := upstreamKind{begins: "nothing"}
	assert.NotEmpty(t, firstFault(t, kind, (*fanout.Registry).MeetAtOneEvent))
}

// A snapshot has its ids in any order, so what follows an id in it is not what follows the id elsewhere.
func TestTheIDsOfASnapshotAreNotTrusted(t *testing.T) {
	kind := upstreamKind{begins: "snapshot"}
	assert.NotEmpty(t, firstFault(t, kind, (*fanout.Registry).TrustAllIDs))
}

// firstFault plays plans with a kind of upstream, all without a rule. It returns the first fault.
func firstFault(t *testing.T, kind upstreamKind, weaken func(*fanout.Registry)) string {
	plans := rapid.Custom(func(t *rapid.T) catchUpPlan { return drawCatchUpPlan(t, kind) })
	for i := range 200 {
		p := plans.Example(i)
		p.weaken = weaken
		var err error
		synctest.Test(t, func(t *testing.T) { err = p.run(t.Context(), &catchUpCoverage{}) })
		if err != nil {
			t.Logf("plan %d: %v", i, err)
			return err.Error()
		}
	}
	return ""
}
