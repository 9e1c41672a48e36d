// Package transcode turns protobuf wire bytes into ProtoJSON without building a message in between.
//
// A [Transcoder] is compiled once for a message type and then appends the JSON of as many messages as wanted:
//
//	t, err := transcode.New(md, transcode.Options{})
//	…
//	buf, err = t.AppendJSON(buf[:0], wire)
//
// Only descriptors are needed, no generated code: those of generated packages serve as well as those that were loaded at run
// time through reflection, a descriptor set or a compiler.
//
// # What comes out
//
// The output means the same as that of google.golang.org/protobuf/encoding/protojson for the same bytes: the same members with the
// same values, scalars spelt the same way, and an error where protojson has one. It covers proto2, proto3 and editions, groups,
// extensions, required fields, maps, oneofs and all well-known types, and passes the official conformance suite.
// Four things are different:
//
//   - The members of an object come in the order of the wire, not of the .proto file. JSON objects are unordered.
//   - It is compact. protojson puts in spaces at random, so that nobody relies on its bytes.
//   - A google.protobuf.Any whose type the Resolver does not know becomes {"@type": its type URL, "value": its bytes in base64}. protojson
//     fails there.
//   - Nesting is limited to 10,000 levels in all. protojson begins to count anew inside each google.protobuf.Any.
//
// Control characters are always escaped: no NUL, CR or LF ever appears, so the output is one line of a text protocol.
//
// # How it works, and what is slow
//
// A plan says for each tag of a message type what to write. The wire bytes are read once, from front to back, fields in any order.
// That is enough as long as each singular field comes once and each list and map in one run, which holds for what the encoders
// of the protobuf projects write. Concatenated messages do not: where a field comes again, or a map has a key twice, what was
// written cannot be taken back. The wire bytes of such messages are first rewritten so that everything comes once, by the rules of a
// parser, and then walked over again. [Transcoder.Fallbacks] counts them.
//
// What a message may become is bounded by [Options.MaxBytes], which counts while the JSON is written: a few bytes can stand for
// very many, such as empty elements of a list whose defaults are written.
//
// Nothing is allocated as long as the buffer has room, but on the slow way and when a type inside an Any or an extension is met for
// the first time. Tables of keys for large maps are kept in a pool.
//
// On amd64 long strings are copied by a few lines of assembly; the build tag purego leaves them out.
//
// # Field paths
//
// A [Path] reads one field of a message out of the wire bytes, without decoding the rest: a scalar's text, which member of a
// oneof is set, or the bytes of a sub-message. Those bytes can be given to a Transcoder of the sub-message's type.
package transcode
