// Package event is what flows in every scenario: an event with a number, and with the time when it was due to be sent.
// It has three forms: the protobuf message that the upstream sends, the frame that the bridge makes of it and that the
// floors send by themselves, and what a browser reads out of it.
package event
