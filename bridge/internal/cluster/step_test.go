package cluster

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

const ms = time.Millisecond

var errDown = errors.New("the store does not answer")

// at is an input at a time, with a jitter of 10 ms.
func at(t time.Duration, event any) input { return input{at: t, jitter: 10 * ms, event: event} }

func create(revision uint64, err error) entryAnswer {
	return entryAnswer{op: opCreate, revision: revision, err: err}
}

func update(base, revision uint64, err error) entryAnswer {
	return entryAnswer{op: opUpdate, base: base, revision: revision, err: err}
}

func get(owner string, base, revision uint64) entryAnswer {
	return entryAnswer{op: opGet, owner: owner, base: base, revision: revision}
}

func noEntry() entryAnswer { return entryAnswer{op: opGet, err: ErrNoEntry} }

// played is a state after some inputs, and what the last of them had the replica do.
type played struct {
	state
	did []action
}

// play begins with a replica "me" that has subscribers and a connection.
func play(inputs ...input) played {
	p := played{state: newState("me", true, true, 0, 2*time.Second)}
	p.state, p.did = step(p.state, input{jitter: 10 * ms})
	return p.and(inputs...)
}

func (p played) and(inputs ...input) played {
	for _, in := range inputs {
		p.state, p.did = step(p.state, in)
	}
	return p
}

func (p played) kinds() (kinds []actionKind) {
	for _, a := range p.did {
		kinds = append(kinds, a.kind)
	}
	return kinds
}

// These are replicas in each role. An other replica owns the key in term 7 where me does not.
func comes() played   { return play() }
func joining() played { return comes().and(at(0, noEntry())) }
func owner() played   { return joining().and(at(0, create(7, nil))) }
func follower() played {
	return comes().and(at(0, get("other", 0, 7)), at(0, verdictCame{"other", true}))
}
func ownerless() played    { return follower().and(at(1*ms, verdictCame{"other", false})) }
func aloneByLink() played  { return follower().and(at(0, linkChanged{false}), at(2*time.Second, nil)) }
func aloneByStore() played { return ownerless().and(at(11*ms, nil), at(1011*ms, nil)) }
func resigned() played {
	return owner().and(at(0, resignAsked{}), at(1*ms, entryAnswer{op: opDelete, revision: 7}))
}
func left() played { return owner().and(at(0, leaveAsked{})) }

// Each arrow of the diagram of roles, and what is done on it.
func TestEachArrowBetweenRoles(t *testing.T) {
	for name, tt := range map[string]struct {
		from played
		in   []input
		role Role
		did  []actionKind
	}{
		"comes: reads the entry at once":            {comes(), nil, Joining, []actionKind{doGet}},
		"comes: no entry":                           {comes(), []input{at(0, noEntry())}, Joining, []actionKind{doCreate}},
		"comes: entry of another":                   {comes(), []input{at(0, get("other", 0, 7))}, Follower, []actionKind{doFollow, doAsk}},
		"comes: store fails, is asked again":        {comes(), []input{at(0, entryAnswer{op: opGet, err: errDown}), at(100*ms, nil)}, Joining, []actionKind{doCreate}},
		"comes: store is silent for 1 s":            {comes(), []input{at(time.Second, nil)}, Alone, []actionKind{doAlone}},
		"joining: no entry":                         {joining(), []input{at(1*ms, create(7, nil))}, Owner, []actionKind{doLead}},
		"joining: entry exists, is read":            {joining(), []input{at(1*ms, create(0, ErrExists))}, Joining, []actionKind{doGet}},
		"joining: entry of another":                 {joining(), []input{at(0, create(0, ErrExists)), at(0, get("other", 0, 7))}, Follower, []actionKind{doFollow, doAsk}},
		"joining: entry is gone meanwhile":          {joining(), []input{at(0, create(0, ErrExists)), at(0, noEntry())}, Joining, []actionKind{doCreate}},
		"joining: entry of its own, answer lost":    {joining(), []input{at(0, create(0, ErrExists)), at(0, get("me", 0, 7))}, Joining, []actionKind{doUpdate}},
		"joining: hears an owner":                   {joining(), []input{at(0, heard{"other", 7})}, Follower, []actionKind{doFollow, doAsk}},
		"joining: store is silent for less than 1s": {joining(), []input{at(999*ms, nil)}, Joining, nil},
		"joining: store is silent for 1 s":          {joining(), []input{at(time.Second, nil)}, Alone, []actionKind{doAlone}},
		"joining: store fails, is asked again":      {joining(), []input{at(0, create(0, errDown)), at(100*ms, nil)}, Joining, []actionKind{doCreate}},
		"joining: store fails for 1 s":              {joining(), []input{at(0, create(0, errDown)), at(100*ms, nil), at(time.Second, nil)}, Alone, []actionKind{doAlone}},
		"joining: the entry cannot be read": {
			joining(), []input{at(0, create(0, ErrExists)), at(0, entryAnswer{op: opGet, err: errDown}), at(100*ms, nil), at(500*ms, create(0, ErrExists)), at(500*ms, entryAnswer{op: opGet, err: errDown}), at(time.Second, nil)}, Alone, []actionKind{doCreate, doAlone},
		},
		"joining: no bus for 2 s":                   {joining(), []input{at(0, create(0, errDown)), at(0, linkChanged{false}), at(2*time.Second, nil)}, Alone, []actionKind{doAlone}},
		"owner: higher term heard":                  {owner(), []input{at(1*ms, heard{"other", 8})}, Follower, []actionKind{doFollow, doAsk}},
		"owner: lower term heard":                   {owner(), []input{at(1*ms, heard{"other", 6})}, Owner, nil},
		"owner: same term heard":                    {owner(), []input{at(1*ms, heard{"other", 7})}, Owner, nil},
		"owner: hears itself":                       {owner(), []input{at(1*ms, heard{"me", 8})}, Owner, nil},
		"owner: reads its entry after 15 s":         {owner(), []input{at(15*time.Second, nil)}, Owner, []actionKind{doGet}},
		"owner: does not before":                    {owner(), []input{at(15*time.Second-1, nil)}, Owner, nil},
		"owner: its entry stands":                   {owner(), []input{at(15*time.Second, nil), at(15*time.Second, get("me", 0, 7))}, Owner, nil},
		"owner: entry of another":                   {owner(), []input{at(15*time.Second, nil), at(15*time.Second, get("other", 0, 9))}, Follower, []actionKind{doFollow, doAsk}},
		"owner: entry is gone":                      {owner(), []input{at(15*time.Second, nil), at(15*time.Second, noEntry())}, Owner, []actionKind{doCreate}},
		"owner: made its entry again":               {owner(), []input{at(15*time.Second, nil), at(15*time.Second, noEntry()), at(15*time.Second, create(9, nil))}, Owner, []actionKind{doLead}},
		"owner: store was set back":                 {owner(), []input{at(15*time.Second, nil), at(15*time.Second, noEntry()), at(15*time.Second, create(1, nil))}, Owner, []actionKind{doUpdate}},
		"owner: store was set back, other's entry":  {owner(), []input{at(15*time.Second, nil), at(15*time.Second, get("other", 0, 1))}, Owner, []actionKind{doUpdate}},
		"owner: store was set back, same term":      {owner(), []input{at(15*time.Second, nil), at(15*time.Second, get("other", 0, 7))}, Owner, []actionKind{doUpdate}},
		"owner: store is silent":                    {owner(), []input{at(15*time.Second, nil), at(30*time.Second, nil)}, Owner, nil},
		"owner: clock jumped":                       {owner(), []input{at(1*ms, clockJumped{})}, Owner, []actionKind{doGet}},
		"owner: bus is back":                        {owner(), []input{at(0, linkChanged{false}), at(1*ms, linkChanged{true}), at(11*ms, nil)}, Owner, []actionKind{doGet}},
		"owner: no bus for less than 2 s":           {owner(), []input{at(0, linkChanged{false}), at(1999*ms, nil)}, Owner, nil},
		"owner: no bus for 2 s":                     {owner(), []input{at(0, linkChanged{false}), at(2*time.Second, nil)}, Alone, []actionKind{doAlone}},
		"owner: resigns":                            {owner(), []input{at(1*ms, resignAsked{})}, Owner, []actionKind{doDelete}},
		"owner: leaves":                             {owner(), []input{at(1*ms, leaveAsked{})}, Gone, []actionKind{doDelete}},
		"follower: owner is dead, waits":            {follower(), []input{at(1*ms, verdictCame{"other", false})}, Follower, nil},
		"follower: owner is dead, claims":           {ownerless(), []input{at(11*ms, nil)}, Follower, []actionKind{doUpdate}},
		"follower: owner lives after all":           {ownerless(), []input{at(5*ms, verdictCame{"other", true}), at(11*ms, nil)}, Follower, nil},
		"follower: another is dead":                 {follower(), []input{at(1*ms, verdictCame{"third", false}), at(100*ms, nil)}, Follower, nil},
		"follower: claim succeeds":                  {ownerless(), []input{at(11*ms, nil), at(12*ms, update(0, 8, nil))}, Owner, []actionKind{doLead}},
		"follower: claim is lost, reads":            {ownerless(), []input{at(11*ms, nil), at(12*ms, update(0, 0, ErrConflict))}, Follower, []actionKind{doGet}},
		"follower: entry of a third":                {ownerless(), []input{at(11*ms, nil), at(12*ms, update(0, 0, ErrConflict)), at(13*ms, get("third", 0, 8))}, Follower, []actionKind{doAsk}},
		"follower: store is silent for 1 s":         {ownerless(), []input{at(11*ms, nil), at(1011*ms, nil)}, Alone, []actionKind{doAlone}},
		"follower: store is silent, owner lives":    {ownerless(), []input{at(11*ms, nil), at(500*ms, verdictCame{"other", true}), at(2*time.Second, nil)}, Follower, nil},
		"follower: no bus for 2 s":                  {follower(), []input{at(0, linkChanged{false}), at(2*time.Second, nil)}, Alone, []actionKind{doAlone}},
		"follower: bus is back":                     {follower(), []input{at(0, linkChanged{false}), at(1*ms, linkChanged{true})}, Follower, []actionKind{doAsk}},
		"follower: higher term heard":               {follower(), []input{at(1*ms, heard{"third", 8})}, Follower, []actionKind{doAsk}},
		"follower: heard owner is dead, reads":      {follower(), []input{at(1*ms, heard{"third", 8}), at(1*ms, verdictCame{"third", false}), at(11*ms, nil)}, Follower, []actionKind{doGet}},
		"follower: owner gave up":                   {follower(), []input{at(1*ms, ownerGaveUp{"other", 7}), at(11*ms, nil)}, Follower, []actionKind{doCreate}},
		"follower: earlier owner gave up":           {follower(), []input{at(1*ms, ownerGaveUp{"third", 6}), at(11*ms, nil)}, Follower, nil},
		"follower: owner gave up an earlier term":   {follower(), []input{at(1*ms, ownerGaveUp{"other", 6}), at(11*ms, nil)}, Follower, nil},
		"follower: owner denied an earlier term":    {follower(), []input{at(1*ms, ownerDenied{"other", 6}), at(11*ms, nil)}, Follower, nil},
		"follower: another denied":                  {follower(), []input{at(1*ms, ownerDenied{"third", 7}), at(11*ms, nil)}, Follower, nil},
		"follower: owner says that it is none":      {follower(), []input{at(1*ms, ownerDenied{"other", 7}), at(11*ms, nil)}, Follower, []actionKind{doUpdate}},
		"follower without subscribers: dead owner":  {follower(), []input{at(0, wantChanged{false}), at(1*ms, verdictCame{"other", false}), at(time.Minute, nil)}, Follower, nil},
		"… that has subscribers again":              {follower(), []input{at(0, wantChanged{false}), at(1*ms, verdictCame{"other", false}), at(20*ms, wantChanged{true}), at(30*ms, nil)}, Follower, []actionKind{doUpdate}},
		"follower without subscribers: no bus":      {follower(), []input{at(0, wantChanged{false}), at(0, linkChanged{false}), at(time.Minute, nil)}, Follower, nil},
		"follower: leaves":                          {follower(), []input{at(1*ms, leaveAsked{})}, Gone, nil},
		"follower that resigned: leaves others 1 s": {follower(), []input{at(0, resignAsked{}), at(1*ms, verdictCame{"other", false}), at(1010*ms, nil)}, Follower, nil},
		"… and claims then":                         {follower(), []input{at(0, resignAsked{}), at(1*ms, verdictCame{"other", false}), at(1011*ms, nil)}, Follower, []actionKind{doUpdate}},
		"alone: bus is back, reads":                 {aloneByLink(), []input{at(3*time.Second, linkChanged{true}), at(3010*ms, nil)}, Alone, []actionKind{doGet}},
		"alone: owner is not asked yet":             {aloneByLink(), []input{at(3*time.Second, linkChanged{true}), at(3010*ms, nil), at(3010*ms, get("other", 0, 7))}, Alone, nil},
		"alone: owner lives":                        {aloneByLink(), []input{at(3*time.Second, linkChanged{true}), at(3010*ms, nil), at(3010*ms, get("other", 0, 7)), at(3020*ms, verdictCame{"other", true})}, Follower, []actionKind{doFollow, doAsk}},
		"alone: owner is dead":                      {aloneByLink(), []input{at(3*time.Second, linkChanged{true}), at(3010*ms, nil), at(3010*ms, get("other", 0, 7)), at(3020*ms, verdictCame{"other", false})}, Alone, []actionKind{doUpdate}},
		"alone without subscribers: owner is dead":  {aloneByLink(), []input{at(2*time.Second, wantChanged{false}), at(3*time.Second, linkChanged{true}), at(3010*ms, nil), at(3010*ms, get("other", 0, 7)), at(3020*ms, verdictCame{"other", false})}, Alone, nil},
		"follower: no entry, but its owner lives":   {follower(), []input{at(1*ms, noEntry())}, Follower, nil},
		"alone: no entry":                           {aloneByLink(), []input{at(3*time.Second, linkChanged{true}), at(3010*ms, nil), at(3010*ms, noEntry())}, Alone, []actionKind{doCreate}},
		"alone: claim succeeds":                     {aloneByLink(), []input{at(3*time.Second, linkChanged{true}), at(3010*ms, nil), at(3010*ms, noEntry()), at(3020*ms, create(9, nil))}, Owner, []actionKind{doLead}},
		"alone: late answer of the store":           {aloneByStore(), []input{at(1500*ms, update(0, 8, nil))}, Owner, []actionKind{doLead}},
		"alone: store fails, claims again":          {aloneByStore(), []input{at(1500*ms, update(0, 0, errDown)), at(1600*ms, nil)}, Alone, []actionKind{doUpdate}},
		"alone: hears an owner, reads first":        {aloneByStore(), []input{at(1500*ms, update(0, 0, errDown)), at(1510*ms, heard{"third", 8}), at(1600*ms, nil)}, Alone, []actionKind{doGet}},
		"alone owner: bus is back":                  {owner(), []input{at(0, linkChanged{false}), at(2*time.Second, nil), at(3*time.Second, linkChanged{true}), at(3010*ms, nil), at(3010*ms, get("me", 0, 7))}, Alone, []actionKind{doUpdate}},
		"alone owner: deposed meanwhile":            {owner(), []input{at(0, linkChanged{false}), at(2*time.Second, nil), at(3*time.Second, linkChanged{true}), at(3010*ms, nil), at(3010*ms, get("other", 0, 8)), at(3010*ms, verdictCame{"other", true})}, Follower, []actionKind{doFollow, doAsk}},
		"resigned: entry is given up":               {owner(), []input{at(0, resignAsked{}), at(1*ms, entryAnswer{op: opDelete, revision: 7})}, Owner, []actionKind{doSayGaveUp}},
		"resigned: goes on":                         {resigned(), []input{at(time.Second, nil), at(1001*ms, nil), at(1001*ms, noEntry()), at(2*time.Second, nil)}, Owner, nil},
		"resigned: next owner heard":                {resigned(), []input{at(10*ms, heard{"other", 8})}, Follower, []actionKind{doFollow, doAsk}},
		"resigned: next owner read":                 {resigned(), []input{at(1001*ms, nil), at(1001*ms, get("other", 0, 8))}, Follower, []actionKind{doFollow, doAsk}},
		"left: says so when the entry is gone":      {left(), []input{at(1*ms, entryAnswer{op: opDelete, revision: 7})}, Gone, []actionKind{doSayGaveUp}},
		"left while it claimed":                     {joining(), []input{at(0, leaveAsked{}), at(1*ms, create(7, nil))}, Gone, []actionKind{doDelete}},
		"left while it read its entry":              {owner(), []input{at(15*time.Second, nil), at(15*time.Second, leaveAsked{}), at(15*time.Second, get("me", 0, 7))}, Gone, []actionKind{doDelete}},
	} {
		t.Run(name, func(t *testing.T) {
			p := tt.from.and(tt.in...)
			assert.Equal(t, tt.role, p.role)
			assert.Equal(t, tt.did, p.kinds())
		})
	}
}

// What comes later for a key that the replica has left, such as the verdict of a probe, does nothing.
func TestNothingHappensToAKeyThatIsLeft(t *testing.T) {
	p := left().and(at(1*ms, entryAnswer{op: opDelete, revision: 7}))
	for _, event := range []any{
		nil, wantChanged{true}, resignAsked{}, leaveAsked{}, linkChanged{false}, clockJumped{}, ownerGaveUp{"other", 9},
		heard{"other", 9}, ownerDenied{"me", 7}, verdictCame{"me", true},
	} {
		after := p.and(at(time.Minute, event))
		assert.Equal(t, p.state, after.state, "%T", event)
		assert.Empty(t, after.did)
	}
}

func TestTheTermsOfClaims(t *testing.T) {
	p := owner()
	assert.Equal(t, []action{{kind: doLead, term: 7}}, p.did)
	p = owner().and(at(15*time.Second, nil), at(15*time.Second, noEntry()), at(15*time.Second, create(1, nil)))
	assert.Equal(t, []action{{kind: doUpdate, revision: 1, base: 7}}, p.did, "the term goes on behind the highest one")
	p = p.and(at(15*time.Second, update(7, 2, nil)))
	assert.Equal(t, []action{{kind: doLead, term: 9}}, p.did)
	p = ownerless().and(at(11*ms, nil))
	assert.Equal(t, []action{{kind: doUpdate, revision: 7}}, p.did, "the revision says what the replica knows")
	p = p.and(at(11*ms, heard{"third", 20}), at(12*ms, update(0, 8, nil)))
	assert.Equal(t, []action{{kind: doUpdate, revision: 8, base: 20}}, p.did, "a claim below the term that was heard of is raised")
}
