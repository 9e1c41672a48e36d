package probe

import (
	"context"
	"errors"
	"slices"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/sseclient"
)

// resume comes back with the id of an event, and judges whether what followed it follows again.
func (p *prober) resume(ctx context.Context, first *look) {
	var with []seen
	for _, e := range first.events {
		if e.hasID {
			with = append(with, e)
		}
	}
	switch {
	case len(first.events) == 0:
		p.report.add(Note, "ids", "", "not judged: there was no event")
		return
	case len(with) == 0:
		p.report.add(Note, "ids", "What was sent while a page was not connected is lost for it.", "no event has an id")
		return
	case len(with) < len(first.events):
		p.report.add(Note, "ids", "A page that comes back after an event without one gets that event again.",
			"%d of %d events have an id", len(with), len(first.events))
	case len(with) > 1 && !slices.ContainsFunc(with, func(e seen) bool { return e.id != with[0].id }):
		p.report.add(Fault, "ids", "An id must say which event was the last.", "all events have the id %q", with[0].id)
		return
	default:
		p.report.add(OK, "ids", "", "every event has an id, for example %q", with[0].id)
	}
	at := max(0, len(with)-4) // few events are asked for, so that a short history has them
	cursor := with[at].id
	if !sseclient.Sendable(cursor) {
		p.report.add(Fault, "resume", "A browser cannot send it back.", "the id %q has characters that a header cannot have", cursor)
		return
	}
	p.judgeResume(p.again(ctx, p.Client, cursor), with, at)
}

// judgeResume judges a connection that was opened with the id of the event with[at].
func (p *prober) judgeResume(second *look, with []seen, at int) {
	cursor := with[at].id
	const begins = "After each break, a page gets events again, or loses events."
	i := slices.IndexFunc(second.events, func(e seen) bool { return e.hasID })
	switch {
	case errors.Is(second.err, context.DeadlineExceeded):
		p.report.add(Warning, "resume", begins, "no answer to Last-Event-ID: %s within %v", cursor, rounded(second.answered))
	case second.response == nil:
		p.report.add(Fault, "resume", begins, "no answer to Last-Event-ID: %s (%v)", cursor, second.err)
	case errors.Is(second.err, sseclient.ErrNoContent):
		p.report.add(Fault, "resume", "EventSource stops for ever after its first break.", "204 for Last-Event-ID: %s", cursor)
	case second.err != nil:
		p.report.add(Fault, "resume", "EventSource stops for ever after its first break.", "Last-Event-ID: %s is refused: %v",
			cursor, second.err)
	case second.reset:
		p.report.add(Note, "resume", "The page is told (grpc-reset), and should load its state anew.", "not after %q", cursor)
	case i < 0 && at+1 < len(with):
		p.report.add(Warning, "resume", "What followed the id does not come again.", "no event after Last-Event-ID: %s", cursor)
	case i < 0:
		p.report.add(OK, "resume", "", "nothing comes again after the newest id, %q", cursor)
	case second.events[i].id == cursor:
		p.report.add(Fault, "resume",
			"After each break, a page gets its last event again.", "the event %q itself comes again", cursor)
	case at+1 < len(with) && second.events[i].id == with[at+1].id:
		p.report.add(OK, "resume", "", "after %q, the stream goes on with %q", cursor, with[at+1].id)
	case slices.ContainsFunc(with[:at], func(e seen) bool { return e.id == second.events[i].id }):
		p.report.add(Fault, "resume", begins+" The server must read Last-Event-ID.",
			"after %q, the stream does not go on: it begins again with %q", cursor, second.events[i].id)
	case at+1 < len(with):
		p.report.add(Fault, "resume", begins+" The server must read Last-Event-ID, and keep a history.",
			"after %q came %q, and after the reconnect %q", cursor, with[at+1].id, second.events[i].id)
	default:
		p.report.add(Note, "resume", "", "not judged: one event with an id is too few")
	}
}

// end comes back after the end of a stream, as an EventSource does, and judges whether that has an end.
func (p *prober) end(ctx context.Context, first *look) {
	if !first.ended {
		p.report.add(Note, "end", "", "not judged: the stream did not end in %v", rounded(first.lasted))
		return
	}
	if first.parser.Inside() {
		p.report.add(Warning, "end",
			"EventSource ignores what stands behind the last blank line.", "the stream ended within an event")
	}
	second := p.again(ctx, p.Client, first.parser.Cursor())
	var refusal *sseclient.Refusal
	repeats := len(second.events) > 0 && slices.ContainsFunc(first.events, second.events[0].same)
	switch {
	case errors.Is(second.err, sseclient.ErrNoContent):
		p.report.add(OK, "end", "EventSource stops for ever, in good order.", "after the end, the server answers 204")
	case errors.As(second.err, &refusal):
		p.report.add(Note, "end", "EventSource stops for ever.", "after the end, %v", second.err)
	case first.status != nil && first.status.Retry:
		p.report.add(OK, "end", "", "the server says that a page should come back (%s)", first.status)
	case second.response == nil:
		p.report.add(Warning, "end", "", "after the end, no answer: %v", second.err)
	case repeats:
		p.report.add(Fault, "end",
			"EventSource reconnects for ever, and gets the same events each time. Answer 204 after the last event.",
			"the finished stream comes back with the same events")
	case second.ended && len(second.events) == 0:
		p.report.add(Fault, "end", "EventSource reconnects for ever. Answer 204 after the last event.",
			"the finished stream comes back, and ends without an event")
	case len(second.events) > 0:
		p.report.add(OK, "end", "", "after the end, the stream goes on")
	default:
		p.report.add(OK, "end", "", "after the end, the stream stays open")
	}
}

// compression judges whether compression holds events back.
func (p *prober) compression(ctx context.Context, first *look) {
	if !first.response.Uncompressed {
		encoding := first.header("Content-Encoding")
		if encoding == "" {
			p.report.add(OK, "compression", "", "none")
			return
		}
		p.report.add(Fault, "compression",
			"A browser that did not offer it cannot read the stream.", "%s, which was not asked for", encoding)
		return
	}
	if len(first.events) > 0 {
		p.report.add(OK, "compression", "", "gzip, event by event")
		return
	}
	if plain := p.again(ctx, p.Plain, ""); len(plain.events) > 0 {
		p.report.add(Fault, "compression", bufferingMeans+"The compressor must flush after each event.",
			"with gzip no event came in %v, and without gzip one after %v", rounded(first.lasted), rounded(plain.lasted))
		return
	}
	p.report.add(Note, "compression", "", "gzip; not judged, because there was no event")
}
