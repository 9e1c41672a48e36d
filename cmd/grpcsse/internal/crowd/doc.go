// Package crowd is a number of browsers that all listen to one topic: EventSource clients with a connection each, who come
// back by themselves, and who keep a ledger of what they get. The topic numbers its events without a hole, in their ids;
// so a client sees from the ids alone what was left out, came twice or came in the wrong order.
//
// What reads the events is [github.com/tmaxmax/go-sse], which knows nothing of the bridge that is to be proven.
package crowd
