package replay_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/grpcsse/grpcsse/bridge/internal/replay"
)

// A subscriber reads a log from its own place, and is told where it cannot go on.
func ExampleRing() {
	ctx := context.Background()
	log := replay.NewRing(replay.Bounds{Events: 2})
	defer log.Close()
	if err := log.Begin(ctx, "k3v9"); err != nil {
		panic(err)
	}
	for i := range 3 {
		at := log.State().End()
		e, err := replay.NewDraft(at, fmt.Appendf(nil, "data: {\"n\":%d}\nid: %s\n\n", i, at), 0)
		if err != nil {
			panic(err)
		}
		e.ID = at.String()
		if err := log.Append(ctx, e); err != nil {
			panic(err) // another appender was faster
		}
	}

	place, _ := log.Find("k3v9-1")
	events, err := log.Entries(nil, place, 10)
	fmt.Printf("%s %v\n", events[0].Line(), err)

	_, err = log.Read(nil, replay.Position{Epoch: "k3v9", Offset: 0}, 10)
	fmt.Println(errors.Is(err, replay.ErrGone))
	// Output:
	// {"n":2}
	//  <nil>
	// true
}

func ExampleNewEvent() {
	_, err := replay.NewEvent(replay.Position{Epoch: "k3v9", Offset: 7}, []byte("event: quote\ndata: {}\n"), 13)
	fmt.Println(err)
	e, _ := replay.NewEvent(replay.Position{Epoch: "k3v9", Offset: 7}, []byte("event: quote\ndata: {}\n\n"), 13)
	fmt.Printf("%s %q\n", e, e.Block())
	// Output:
	// event k3v9-7: expected a block that ends in a blank line, found 22 bytes that do not
	// k3v9-7 "event: quote\ndata: {}\n\n"
}
