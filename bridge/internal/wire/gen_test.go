package wire

import (
	"bytes"
	"encoding/json"
	"time"

	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/ending"
	"github.com/grpcsse/grpcsse/bridge/internal/fanout"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/replay"
	"github.com/grpcsse/grpcsse/bridge/sse"
)

// Each generator below draws a value that the other packages can make.

var (
	anyNumber = rapid.OneOf(rapid.Uint64Max(300), rapid.Uint64())
	anyName   = rapid.StringMatching(`[a-z2-7]{0,26}`)
	anySender = rapid.StringMatching(`[A-Z0-9]{1,26}`)
	anyText   = rapid.OneOf(rapid.StringN(0, 20, 40), rapid.StringMatching("[ -~\t]{0,20}"))
)

func anyID(t *rapid.T, what string) sse.ID {
	id, _ := sse.EncodeID(rapid.SliceOfN(rapid.Byte(), 0, 95).Draw(t, what))
	return id
}

func anyEvent(t *rapid.T, now time.Time) *replay.Event {
	id := anyID(t, "id")
	data := []byte(rapid.StringMatching(`\{"price":"[0-9a-z]{0,40}"\}`).Draw(t, "data"))
	var e *replay.Event
	if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
		e = new(replay.Event)
		e.Frame.Init([]byte("event: bare\nid: 1\n\n"), -1)
	} else {
		name, _ := sse.ParseName(rapid.SampledFrom([]string{"", "quote"}).Draw(t, "name"))
		block := sse.AppendFrame(nil, sse.Event{Name: name, Data: data, ID: id})
		var err error
		if e, err = replay.NewEvent(replay.Position{}, block, bytes.Index(block, []byte("data: "))); err != nil {
			t.Fatal(err)
		}
	}
	e.ID, e.Key, e.Mark = id.String(), anyText.Draw(t, "key"), rapid.Bool().Draw(t, "mark")
	if rapid.Bool().Draw(t, "with a subject") {
		e.Subject = replay.SubjectOf([]byte(anyText.Draw(t, "subject")))
	}
	if rapid.Bool().Draw(t, "with a time") {
		e.At = now.Add(-time.Duration(rapid.Int64Range(0, int64(24*time.Hour)).Draw(t, "age")))
	}
	return e
}

func anyEvents(t *rapid.T, what string, now time.Time, at func(i int) replay.Position) []*replay.Event {
	var events []*replay.Event
	for i := range rapid.IntRange(0, 6).Draw(t, what) {
		e := anyEvent(t, now)
		e.Position = at(i)
		events = append(events, e)
	}
	return events
}

func anyPage(t *rapid.T, now time.Time) *fanout.Page {
	p := &fanout.Page{
		Term: anyNumber.Draw(t, "term"), Epoch: anyName.Draw(t, "epoch"), Offset: rapid.Uint64Max(1<<63).Draw(t, "offset"),
		Oldest: rapid.Bool().Draw(t, "oldest"), After: anyID(t, "after").String(), Version: anyNumber.Draw(t, "version"),
		More: rapid.Bool().Draw(t, "more"),
	}
	p.Values = anyEvents(t, "values", now, func(int) replay.Position {
		return replay.Position{Epoch: p.Epoch, Offset: anyNumber.Draw(t, "offset of a value")}
	})
	p.Events = anyEvents(t, "events", now, func(i int) replay.Position {
		return replay.Position{Epoch: p.Epoch, Offset: p.Offset + uint64(i)}
	})
	if rapid.Bool().Draw(t, "with a condition") {
		p.Condition = anyCondition(t)
	}
	return p
}

func anyCode(t *rapid.T) ending.Code { return ending.CodeOf(rapid.Uint32Max(16).Draw(t, "code")) }

func anyCondition(t *rapid.T) *fanout.Condition {
	flag := rapid.Bool()
	c := &fanout.Condition{
		Accepted: flag.Draw(t, "accepted"), Stale: flag.Draw(t, "stale"), By: anyCode(t), Sure: flag.Draw(t, "sure"),
		SureFrom: anyNumber.Draw(t, "sure from"), SureResumed: flag.Draw(t, "resumed"), EndAt: anyNumber.Draw(t, "end at"),
	}
	if flag.Draw(t, "with a header") {
		values := rapid.SliceOfN(rapid.StringMatching("[ -~]{0,9}"), 0, 3)
		c.Header = rapid.MapOfN(rapid.StringMatching("[a-z-]{1,12}"), values, 0, 4).Draw(t, "header")
		if flag.Draw(t, "with bytes") {
			c.Header["trace-bin"] = []string{"\r\n\x00\xff"}
		}
	}
	if flag.Draw(t, "with an end") {
		end := anyEnd(t)
		c.End = &end
	}
	return c
}

func anyEnd(t *rapid.T) pump.End {
	e := ending.Refuse(anyCode(t), ending.ByUpstream, anyText.Draw(t, "message"))
	switch rapid.IntRange(0, 3).Draw(t, "kind of end") {
	case 0:
		e = ending.AtLimit(ending.UpstreamSlots)
	case 1:
		e = ending.NotAStream(404, ending.NotFound, "no such thing")
	case 2:
		e.Details = []json.RawMessage{json.RawMessage(`{"@type":"type.googleapis.com/x.Y","n":[1]}`), json.RawMessage(`{}`)}
	}
	e.Retry = rapid.Bool().Draw(t, "retry")
	end := pump.NewEnd(e, time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "delay")))
	if rapid.IntRange(0, 4).Draw(t, "frame") == 0 {
		end.Frame = []byte("event: other\ndata: {}\n\n")
	}
	return end
}

func anyMessage(t *rapid.T, now time.Time) Message {
	m := Message{From: anySender.Draw(t, "from")}
	name := anyName.Draw(t, "name")
	switch rapid.IntRange(0, 14).Draw(t, "kind") {
	case 0:
		m.Body = Entry{anyNumber.Draw(t, "base")}
	case 2:
		m.Body = Question{name, fanout.Place{
			Term: anyNumber.Draw(t, "term"), Epoch: anyName.Draw(t, "epoch"), Next: anyNumber.Draw(t, "next"),
			LastID: anyID(t, "last").String(), Version: anyNumber.Draw(t, "version"),
		}}
	case 3:
		m.Body = Answer{anyNumber.Draw(t, "term")}
	case 4:
		m.Body = Beat{anyList(t, func(t *rapid.T) End {
			return End{
				anyName.Draw(t, "name"), anyNumber.Draw(t, "term"), anyName.Draw(t, "epoch"), anyNumber.Draw(t, "next"),
				anyNumber.Draw(t, "version"),
			}
		})}
	case 5:
		m.Body = Following{anyList(t, func(t *rapid.T) string { return anyName.Draw(t, "name") })}
	case 6:
		m.Body = Left{name}
	case 7:
		m.Body = GaveUp{name, anyNumber.Draw(t, "term")}
	default:
		m.Body = Page{name, anyPage(t, now)}
	}
	return m
}

func anyList[T any](t *rapid.T, draw func(*rapid.T) T) (all []T) {
	for range rapid.IntRange(0, 5).Draw(t, "length") {
		all = append(all, draw(t))
	}
	return all
}
