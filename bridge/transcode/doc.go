// Package transcode turns protobuf wire bytes into ProtoJSON without building a message in between.
//
// A [Transcoder] is compiled once for a message type. Then it appends the JSON of any number of messages:
//
//	t, err := transcode.New(md, transcode.Options{})
//	…
//	buf, err = t.AppendJSON(buf[:0], wire)
//
// A Transcoder needs only descriptors, no generated code. The descriptors may come from generated packages, or may be loaded at
// run time through reflection, from a descriptor set or by a compiler.
//
// # The output
//
// The output means the same as that of google.golang.org/protobuf/encoding/protojson for the same bytes: the same members with
// the same values, the same spelling of scalars, and an error where protojson has one. The package covers proto2, proto3 and
// editions, groups, extensions, required fields, maps, oneofs and all well-known types. It passes the official conformance
// suite. Four things are different:
//
//   - The members of an object come in the order of the wire, not of the .proto file. JSON objects are unordered.
//   - The JSON is compact. protojson adds spaces at random, so that its bytes are not relied on.
//   - A google.protobuf.Any whose type the Resolver does not know becomes {"@type": its type URL, "value": its bytes in
//     base64}. protojson fails there.
//   - Nesting is limited to 10,000 levels in all. protojson counts anew inside each google.protobuf.Any.
//
// Control characters are always escaped. NUL, CR and LF never appear, so the output fits on one line of a text protocol.
//
// # How it works, and which messages are slow
//
// A plan says for each tag of a message type what to write. The wire bytes are read once, from front to back, with the fields
// in any order. This works for messages in which each singular field comes once, and each list and map in one run. The encoders
// of the protobuf projects write such messages. Concatenated messages are different: where a field comes again, or a map has a
// key twice, the JSON already written cannot be taken back. The wire bytes of such a message are first rewritten by the rules
// of a parser, so that everything comes once. Then they are read again. [Transcoder.Fallbacks] counts these messages.
//
// The size of the JSON is bounded by [Options.MaxBytes], which is checked while the JSON is written. A few bytes can stand for
// very long JSON, such as empty elements of a list whose defaults are written.
//
// Nothing is allocated where the buffer has room, with two exceptions: messages that are rewritten, and the first meeting of a
// type inside an Any or of an extension. Tables of keys for large maps are kept in a pool.
//
// On amd64 long strings are copied by a few lines of assembly. The build tag purego leaves them out.
//
// # Field paths
//
// A [Path] reads one field of a message from the wire bytes, without decoding the rest. The field is a scalar, a oneof or a
// sub-message; the Path gives the scalar's text, the member of the oneof that is set, or the bytes of the sub-message. These
// bytes can be given to a Transcoder of the sub-message's type.
package transcode
