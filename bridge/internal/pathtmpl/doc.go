// Package pathtmpl is the path language of google.api.http: templates such as
//
//	/quotes/{symbol}
//	/v1/{name=shelves/*/books/**}:watch
//
// and a router that finds, among any number of them, the most specific one that fits a request.
//
// A template is a slash, then segments with slashes between them, then possibly a verb:
//
//	template   = "/" [ segments ] [ verb ]
//	segments   = segment { "/" segment }
//	segment    = "*" | "**" | literal | variable
//	variable   = "{" field path [ "=" segments ] "}"
//	field path = name { "." name }
//	verb       = ":" literal
//
// "*" fits one segment that is not empty. "**" fits the rest of the path, which may be empty, and stands only at the end. A variable
// captures the text that its segments fit. Without segments it fits "*". Variables do not nest. A name is that of a protobuf
// field. A literal is text as in a URL: reserved characters are percent-encoded (a colon as %3A), and characters beyond ASCII
// may be.
//
// The source is the comment on google.api.HttpRule in google/api/http.proto, section "Path template syntax". This package also
// takes "/" alone as a template, and decides what that comment leaves open:
//
//   - Literals are compared decoded, so /caf%C3%A9 fits a template with "café".
//   - A "**" that captured nothing fits with and without the slash before it: /v1/** fits /v1 and /v1/. What it captures
//     keeps empty segments, but does not begin with one: "path variables must not capture the leading '/' character".
//   - The last colon of a path introduces a verb where a template has that verb, and is text otherwise: with the
//     templates /jobs/{id} and /jobs/{id}:watch, the path /jobs/a:b has the id "a:b".
//   - A value of several segments keeps %2F and nothing else encoded. That is the text about path templates; the comment on
//     Http.fully_decode_reserved_expansion speaks of a default that keeps every reserved character, with which a%40b and
//     a%2540b would be one value. Of this rule, only a segment that itself has the text "%2F" is like one with a slash.
//   - A path with a segment "." or ".." (also as %2e) fits nothing. Clients and proxies resolve such segments. A path that still has
//     one may be an attempt to show a proxy another path than the bridge.
//
// The steps go one way: the scanner knows characters, the parser knows the grammar, and the router knows templates.
package pathtmpl
