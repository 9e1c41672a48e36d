// Package typescript writes TypeScript declarations for the routes of a bridge: what a request may say, and the exact types of the
// JSON in events.
//
// A message type becomes a type with the name that protobuf-es gives its JSON type, such as QuoteJson. Those of protobuf-es have
// optional members only, since its JSON leaves defaults out. The bridge writes defaults, so the members here are required where
// they are always written.
//
// Names and comments come from schemas, which may be those of a foreign server. Whatever they hold, the text is a declaration file
// with nothing in it but types.
package typescript
