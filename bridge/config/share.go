package config

import (
	"fmt"
	"slices"
	"time"
)

// Share lets requests that ask the upstream for the same thing share one upstream stream. Two requests do that when they have
// the same request message, without the fields that ${last_event_id} sets, and the same metadata. [NewShare] fills in the
// defaults.
type Share struct {
	// LateJoin says what a client gets of the events before it came. It has no default.
	LateJoin LateJoin
	// Replay bounds the log, from which clients resume and late clients join.
	Replay Replay
	// SlowClient says what happens to a client that is half the log behind; [SlowClientDisconnect] by default.
	SlowClient SlowClient
	// Linger is how long the upstream stream and its log stay after the last client has left; 10 s by default. With 0 they end
	// at once.
	Linger time.Duration
	// ReopenAfter is the time after which the upstream stream is opened again, so that the upstream checks the credentials again
	// with which it was opened; 0, the default, is never.
	ReopenAfter time.Duration
	// CatchUp is how many upstream streams beside the shared one may be read at once for clients whose id the log does not have,
	// as after a restart of the bridge; 4 by default. Each such stream goes on after the id of its clients, and ends as soon as it
	// has brought what the log has too. With 0 there are none: these clients are told a reset. CatchUp has an effect only where
	// events have ids of their own and a setting has ${last_event_id}.
	CatchUp int
	// Cluster says that the replicas of a cluster read one upstream stream for all of them; true by default. Without a cluster it
	// has no effect.
	Cluster bool
	// Pace says how often browsers are given events; by default each event is given at once.
	Pace Pace
}

// Pace says how often the browsers of a shared stream are given events, and which. The zero value gives each event at once.
type Pace struct {
	// Every is the time in which the events of a stream are gathered; 0 is no time. A quarter of [Replay].Age is the most that counts.
	Every time.Duration
	// NewestBy is a field path: of the events that are gathered, only the newest one of each value of the field is given. An event
	// without a value is always given. "" gives all events. It needs Every.
	NewestBy string
}

// The defaults of numbers in the section `share`: how many last values are kept, and how many catch-ups are read at once.
const (
	defaultKeys    = 10_000
	defaultCatchUp = 4
)

// NewShare returns the settings with which a route shares its upstream streams. LateJoin has no default, because a stream of states
// needs another mode than a stream of changes. Its Keys may be 0, which stands for 10,000. Every other setting has the default that
// it has in a file. Nothing is checked here: [Route.Validate] does that.
func NewShare(late LateJoin) *Share {
	if late.Mode == LateJoinLatestBy && late.Keys == 0 {
		late.Keys = defaultKeys
	}
	return &Share{
		LateJoin:   late,
		Replay:     Replay{Events: 1024, Bytes: 4 * MiB, Age: 5 * time.Minute},
		SlowClient: SlowClientDisconnect,
		Linger:     10 * time.Second,
		CatchUp:    defaultCatchUp,
		Cluster:    true,
	}
}

// share decodes the section `share`. It returns nil for `off`, with which a route takes back the section of `defaults`.
func (d *decoder) share(n *node) *Share {
	if n.kind != mapping {
		d.notShared(n)
		return nil
	}
	s := freshShare()
	d.fields(n, "route.share", d.shareKeys(s))
	return s
}

func freshShare() *Share { return NewShare(LateJoin{}) }

func (d *decoder) shareKeys(s *Share) []field {
	keys := defaultKeys
	return []field{
		d.section("route.share.late_join", "What a browser gets first that comes later: latest, all, none, {latest_by: FIELD} or {since: FIELD}.", "{latest_by: symbol}",
			func() []field { return d.lateJoinKeys(new(string), &keys) }).
			or(wordForm(lateJoinWords()...)).demanding(lateJoinRule).reading(func(n *node) { s.LateJoin = d.lateJoin(n) }).
			writing(func(w treeWriter, around *node) { w.lateJoin(around, s.LateJoin) }),
		d.section("route.share.replay", "The bounds of the log from which browsers resume. The first that is reached counts.", "{events: 1024}",
			func() []field { return d.replayKeys(&s.Replay) }),
		key("slow_client", "What becomes of a browser that is half the log behind: it is cut off, or skips ahead.", &s.SlowClient, wordOf(d, slowClients())),
		key("linger", "How long the upstream stream outlives its last browser.", &s.Linger, durations(d.duration, durationForm)),
		key("reopen_after", "The upstream stream is opened again after this time.", &s.ReopenAfter, d.timeOrOff()),
		key("catch_up", "How many short upstream streams may be read at once for browsers whose id the log does not have.", &s.CatchUp, d.countOrWord(off)),
		key("cluster", "Whether the replicas of a cluster read one upstream stream for all of them.", &s.Cluster, d.flag()),
		d.section("route.share.pace", "How often browsers are given events: what comes in between is gathered.", "{every: 100ms, newest_by: symbol}",
			func() []field { return d.paceKeys(&s.Pace) }).
			or(wordForm(off)).reading(func(n *node) { d.pace(n, &s.Pace) }).
			writing(func(w treeWriter, around *node) { w.pace(around, s.Pace, d.paceKeys(&s.Pace)) }),
	}
}

func (d *decoder) paceKeys(p *Pace) []field {
	return []field{
		key("every", "The time in which events are gathered.", &p.Every, format[time.Duration]{read: d.positive, form: positiveForm, write: durationNode}).needed(),
		key("newest_by", "Of the gathered events only the newest for each value of this field is given.", &p.NewestBy,
			words(d.fieldPath).as(messagePathForm)),
	}
}

// pace decodes {every: TIME, newest_by: FIELD} or `off`.
func (d *decoder) pace(n *node, p *Pace) {
	*p = Pace{}
	if n.kind != mapping {
		if d.isScalar(n, paceForms) && !isWord(n, off) {
			d.expected(n, paceForms, wordHint(n.text(), off))
		}
		return
	}
	d.fields(n, "route.share.pace", d.paceKeys(p))
	d.missing(n, "every", "the time in which events are gathered, such as 100ms")
}

const paceForms = "a mapping such as {every: 100ms}, or `off`"

func (d *decoder) lateJoinKeys(path *string, keys *int) []field {
	return []field{
		key(string(LateJoinLatestBy), "The newest event for each value of this field.", path, words(d.fieldPath).as(messagePathForm)),
		key("keys", "How many values of the field are kept.", keys, d.count()),
		key(string(LateJoinSince), "All events from the newest one that has this field.", path, words(d.fieldPath).as(messagePathForm)),
	}
}

func (d *decoder) replayKeys(r *Replay) []field {
	return []field{
		key("events", "How many events are kept.", &r.Events, d.count()),
		key("bytes", "How many bytes are kept, in all forms of the events.", &r.Bytes, sizes(d.size)),
		key("age", "How long an event is kept.", &r.Age, durations(d.positive, positiveForm)),
	}
}

// notShared refuses any value of `share` but a mapping and `off`.
func (d *decoder) notShared(n *node) {
	const what = "a mapping such as {late_join: latest}, or `off`"
	if !d.isScalar(n, what) || isWord(n, off) {
		return
	}
	hint := wordHint(n.text(), off)
	if slices.Contains(lateJoinWords(), LateJoinMode(n.text())) {
		hint = "did you mean {late_join: " + n.text() + "}?"
	}
	d.expected(n, what, hint)
}

// lateJoin decodes a word, or {latest_by: FIELD, keys: N}, or {since: FIELD}.
func (d *decoder) lateJoin(n *node) (late LateJoin) {
	if n.kind != mapping {
		late.Mode = d.lateJoinWord(n)
		return late
	}
	keys := defaultKeys
	d.fields(n, "route.share.late_join", d.lateJoinKeys(&late.Field, &keys))
	latest, since, bound := n.child(string(LateJoinLatestBy)), n.child(string(LateJoinSince)), n.child("keys")
	switch {
	case latest == nil && since == nil && len(d.guessed[n]) > 0: // misspelled, and reported already
	case latest == nil && since == nil:
		d.add(n.place().problem(n.path, "expected `latest_by` or `since`, found neither", ""))
	case latest != nil && since != nil:
		d.add(n.place().problem(n.path, "expected `latest_by` or `since`, found both", ""))
	case latest != nil:
		late.Mode, late.Keys = LateJoinLatestBy, keys
	case bound != nil:
		d.add(bound.place().problem(bound.path, "`keys` bounds `latest_by`: expected it beside that only", ""))
	default:
		late.Mode = LateJoinSince
	}
	return late
}

// lateJoinWord reads the modes that need no field.
func (d *decoder) lateJoinWord(n *node) LateJoinMode {
	const what = "`latest`, `all`, `none`, {latest_by: FIELD} or {since: FIELD}"
	if n.kind == scalar && !n.secret && LateJoinMode(n.text()).needsField() {
		d.expected(n, what, "it needs a field: {"+n.text()+": FIELD}")
		return ""
	}
	word, _ := oneOfFor(d, what, lateJoinWords())(n)
	return word
}

// checkShare refuses a shared route without `late_join`, and one whose streams would be for one client only: those of a POST, and
// those with a cookie. The section in `defaults` may be incomplete, since a route can add to it.
func (d *decoder) checkShare(r *mappedRoute) {
	n := r.node.child("share")
	if n == nil {
		return
	}
	d.missing(n, "late_join", "what a browser gets that comes later, such as `latest`")
	if r.Share == nil {
		return
	}
	if post := r.node.child("methods").element("POST"); post != nil {
		d.problem(post, "leave POST out, or say `share: off`",
			"a POST may have an effect, and what it answers is for its sender: expected only GET on a shared route")
	}
	if cookie := r.node.child("metadata").child("expose").element("set-cookie"); cookie != nil {
		d.problem(cookie, "leave it out, or say `share: off`", "on a shared route, the cookie of one browser would be given to all")
	}
}

// checkSharedIDs warns of shared routes whose messages have no id. An id may also come from the annotations of a schema.
func (s *sections) checkSharedIDs() {
	if s.annotated() || s.reports > 0 {
		return // a mistake may be the reason for what seems to be missing
	}
	for _, r := range s.allRoutes {
		if r.Share == nil || r.Event.ID != "" {
			continue
		}
		s.warnOf(r, "share", "set `event.id` to a field that tells one message from the next",
			"the route %s has no `event.id`: the ids of its shared streams are the bridge's own, and resume only in the same process or the same cluster",
			r.shownPath())
	}
}

// checkCatchUps warns of shared routes that ask for catching up and can't have it. A `catch_up` in `defaults` does not count, since
// it is for the routes that can catch up. Ids may also come from the annotations of a schema.
func (s *sections) checkCatchUps() {
	if s.reports > 0 {
		return // a mistake may be the reason for what seems to be missing
	}
	annotated := s.annotated()
	for _, r := range s.allRoutes {
		if r.Share == nil || r.Share.CatchUp == 0 {
			continue
		}
		asks := r.asksFor("share.catch_up")
		lacks := r.lacksToResume(annotated)
		if asks == nil || lacks == "" {
			continue
		}
		s.warn(asks, toResume, "no browser of the route %s ever catches up: the route %s, and so no upstream stream can go on after an id",
			r.shownPath(), lacks)
	}
}

// checkReplayBytes warns of a route whose log may hold more than all logs together.
func (s *sections) checkReplayBytes(total Size) {
	for _, r := range s.allRoutes {
		if r.Share != nil && r.Share.Replay.Bytes > total {
			s.warnOf(r, "share.replay.bytes", "", "the log of one stream may hold %v, but all logs together %v: see `server.limits.replay_bytes`",
				r.Share.Replay.Bytes, total)
		}
	}
}

// checkPaces warns of routes whose pace is slower than their log allows.
func (s *sections) checkPaces() {
	for _, r := range s.allRoutes {
		if r.Share != nil && r.Share.Pace.Every > r.Share.Replay.Age/4 {
			s.warnOf(r, "share.pace.every", "", "events that wait must not leave the log: %s counts as %s, a quarter of `share.replay.age`",
				durationText(r.Share.Pace.Every), durationText(r.Share.Replay.Age/4))
		}
	}
}

// warnOf warns of the value of a key of a route. For a key that is left out, the position is that of the section around it.
func (s *sections) warnOf(r *mappedRoute, key, hint, format string, args ...any) {
	found, _ := r.node.find(key)
	p := found.place().problem(found.path, fmt.Sprintf(format, args...), hint)
	p.Warning = true
	s.add(p)
}
