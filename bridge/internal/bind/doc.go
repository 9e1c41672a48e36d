// Package bind makes a request message of an HTTP request: path variables, query parameters, a JSON body, and the values
// that the configuration sets. Such values also become the metadata of the call.
//
// A name is a field path, with dots into nested messages: ?filter.venue=XNAS. Each part is the field's name in the
// .proto file or in JSON. A value is written as ProtoJSON has it, without quotes:
//
//	string          UTF-8 text                  ?topic=a%20b
//	integers        decimal                     ?limit=-7
//	float, double   a number, NaN, Infinity     ?ratio=1e-3
//	bool            true or false               ?verbose=true
//	enum            a name, or a number         ?level=LEVEL_HIGH
//	bytes           base64, standard or URL     ?token=_-8
//	Timestamp       RFC 3339                    ?since=2026-01-02T15:04:05Z
//	Duration        seconds                     ?window=1.5s
//	FieldMask       paths with commas           ?mask=venue,pageSize
//	wrappers        what they wrap              ?page_size=10
//	repeated        one parameter per element   ?tag=a&tag=b
//
// A name that leads to a field which no text can give is refused, with the reason: maps, whole messages, fields of
// repeated messages, Struct, Value, ListValue and Any. A name that leads to no field is ignored or refused, as the
// [Spec] says. What a path variable or a setting binds, a query may not touch: not the field, not what it is in, not
// what is in it, and no other member of its oneof.
//
// The parameter "last_event_id" is the cursor (see [CursorParameter]) and binds to no field, not even to one of that
// name. A setting can: `last_event_id: ${last_event_id}`.
//
// A body is ProtoJSON, for the whole message or for one field. What a path variable or a setting binds, a body may not
// name, nor another member of its oneof; null is as good as nothing. Where the body gives the whole message, no query
// parameter binds to a field; where it gives one field, none binds to that, to what is in it or what it is in. An enum's
// name that does not exist is refused, whatever becomes of unknown fields.
//
// The rules for names and values are those of google.api.HttpRule (google/api/http.proto) and of the ProtoJSON format
// (https://protobuf.dev/programming-guides/json/).
//
// The steps: [Compile] resolves once what a route binds, and lists all that is wrong with it; [Binder.Bind] runs for
// each request and treats it as hostile.
package bind
