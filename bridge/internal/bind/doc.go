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
//	wrappers        the value inside            ?page_size=10
//	repeated        one parameter per element   ?tag=a&tag=b
//
// A name that leads to a field which no text can give is refused, with the reason: maps, whole messages, fields of
// repeated messages, Struct, Value, ListValue and Any. A name that leads to no field is ignored or refused, as the
// [Spec] says. A query may not give a field that a path variable or a setting binds, nor a field around it or inside it, nor
// another member of its oneof.
//
// The parameter "last_event_id" is the cursor (see [CursorParameter]) and binds to no field, not even to one of that
// name. A setting can: `last_event_id: ${last_event_id}`.
//
// A body is ProtoJSON, for the whole message or for one field. A body may not name a field that a path variable or a setting binds,
// nor another member of its oneof, unless the value is null. Where the body gives the whole message, no query parameter binds
// to a field. Where the body gives one field, no parameter binds to this field, or to a field around it or inside it. The name
// of an enum value that does not exist is refused, even where unknown fields are ignored.
//
// The rules for names and values are those of google.api.HttpRule (google/api/http.proto) and of the ProtoJSON format
// (https://protobuf.dev/programming-guides/json/).
//
// There are two steps. [Compile] resolves the names in a spec once, and returns all problems. [Binder.Bind] runs for each request,
// and treats the request as hostile.
package bind
