// Package openapi writes an OpenAPI document for the routes of a bridge: what a client may send to each route, and what it gets.
//
// A document is made from descriptions of routes alone. It says nothing of upstreams, of files and of credentials, apart from the
// places in a request where a credential stands. The same routes give the same bytes.
//
// A document of OpenAPI 3.2 describes each event of a stream, by its name (itemSchema). In OpenAPI 3.1 there is no way to describe the
// parts of a stream. There the schema of a stream is the schema of the JSON in the data of an event, which generators of clients make
// types of.
//
// The schemas are exact: the JSON that a bridge writes is valid by them, and has no member that a schema does not list. They let pass
// further members all the same, since a .proto file that gets a new field is still compatible with its clients.
package openapi
