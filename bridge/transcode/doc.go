// Package transcode turns protobuf wire bytes into ProtoJSON without building a message in between.
//
// A [Transcoder] is compiled once for a message type and then appends the JSON of as many messages as wanted:
//
//	t, err := transcode.New(md, transcode.Options{})
//	…
//	buf, err = t.AppendJSON(buf[:0], wire)
//
// The output means the same as that of google.golang.org/protobuf/encoding/protojson for the same bytes: the same members with the
// same values, an error where protojson has one. It is compact and on one line; control characters are always escaped, so no
// NUL, CR or LF ever appears in it. The order of an object's members is not defined (JSON objects are unordered).
//
// A [Path] reads one field of a message out of the wire bytes, without decoding the rest: a scalar's text, which member of a
// oneof is set, or the bytes of a sub-message.
//
// Only descriptors are needed, no generated code: those of generated packages serve as well as those that were loaded at run
// time through reflection, a descriptor set or a compiler.
package transcode
