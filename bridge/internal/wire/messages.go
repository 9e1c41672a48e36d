package wire

import "github.com/grpcsse/grpcsse/bridge/internal/fanout"

// Message is what one replica tells others.
type Message struct {
	From string // the incarnation of the replica that sends the message: a name that no other process has, and no later one
	Body Body
}

// Body is the content of a message: [Entry], [Page], [Question], [Answer], [Beat], [Following], [Left] or [GaveUp]. A name in
// a body is the name of a key as the cluster's codec makes it.
type Body interface{ body() }

// Entry is the value of a key's entry: the sender owns the key. The term of the owner is Base plus the revision of the entry.
// So the terms of a key grow even where the entries were lost and their revisions begin anew.
type Entry struct{ Base uint64 }

// Page is part of what the owner of a key has read.
type Page struct {
	Name string
	Page *fanout.Page
}

// Question asks the owner of a key for what follows a place. The owner sends the page to the replica that asks.
type Question struct {
	Name  string
	Place fanout.Place
}

// Answer answers a request. Term is the term in which the sender owns the key of a question, 0 where it does not own the key.
// Answers to other requests have no term.
type Answer struct{ Term uint64 }

// Beat says how far an owner has published some of its keys. So a replica notices that the newest page was lost.
type Beat struct{ Ends []End }

// End is how far an owner has published a key.
type End struct {
	Name    string
	Term    uint64
	Epoch   string
	Next    uint64
	Version uint64 // of the condition
}

// Following tells an owner which of its keys the sender still follows.
type Following struct{ Names []string }

// Left tells an owner that the sender does not follow a key any more.
type Left struct{ Name string }

// GaveUp says that the sender has given up a key which it owned in a term. Another replica may claim the key.
type GaveUp struct {
	Name string
	Term uint64
}

func (Entry) body()     {}
func (Page) body()      {}
func (Question) body()  {}
func (Answer) body()    {}
func (Beat) body()      {}
func (Following) body() {}
func (Left) body()      {}
func (GaveUp) body()    {}
