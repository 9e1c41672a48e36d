package bind_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/bind"
	bindv1 "github.com/grpcsse/grpcsse/gen/test/bind/v1"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

const watchFields = "its fields: topic, after_sequence, tags, level, levels, window, since, page_size, filter, labels, verbose, token and others"

func set(field string, v bind.Value) bind.Spec {
	return bind.Spec{Set: []bind.Setting{{Field: field, Value: v}}}
}

func TestCompileProblems(t *testing.T) {
	for want, spec := range map[string]bind.Spec{
		`path: the variable {nope} binds to no field: test.stream.v1.WatchRequest has no field "nope" (` + watchFields + `)`:                           {Variables: []string{"nope"}},
		`path: the variable {filter.nope} binds to no field: test.stream.v1.Filter has no field "nope" (its fields: venue, open, inner)`:               {Variables: []string{"filter.nope"}},
		"path: the variable {tags} can't bind to tags: it is a repeated field, and a path has one value":                                               {Variables: []string{"tags"}},
		"path: the variable {labels} binds to no field: labels is a map, and a map can't be given here":                                                {Variables: []string{"labels"}},
		"path: the variable {filter} binds to no field: filter is a message (test.stream.v1.Filter): expected one of its fields, such as filter.venue": {Variables: []string{"filter"}},
		"path: the variable {pageSize} can't bind page_size: the variable {page_size} binds it already":                                                {Variables: []string{"page_size", "pageSize"}},
		"path: the variable {number} can't bind number: the variable {name} binds name already, and of the oneof selector only one member can be set":  {Variables: []string{"name", "number"}},

		`request.query[1]: the query parameter nope binds to no field: test.stream.v1.WatchRequest has no field "nope" (` + watchFields + `)`:                                     {Query: []string{"topic", "nope"}},
		"request.query[0]: the query parameter labels binds to no field: labels is a map, and a map can't be given here":                                                          {Query: []string{"labels"}},
		"request.query[0]: the query parameter topic can't bind topic: the variable {topic} binds it already":                                                                     {Variables: []string{"topic"}, Query: []string{"topic"}},
		"request.query[0]: the query parameter last_event_id is the cursor, and binds to no field by its name (bind it with `request.set`: a field there takes ${last_event_id})": {Cursor: true, Query: []string{"last_event_id"}},
		"request.query[0]: the query parameter lastEventId is the cursor, and binds to no field by its name (leave it out: `request.set.after_sequence` has the cursor)": {
			Query: []string{"lastEventId"}, Set: []bind.Setting{{Field: "after_sequence", Value: ref("last_event_id")}},
		},
		"request.query[0]: the query parameter lastEventId is the cursor, and binds to no field by its name (bind it with `request.set`: a field there takes ${last_event_id})": {Cursor: true, Query: []string{"lastEventId"}},
		"request.query[0]: the query parameter tags[] binds to no field: tags is a repeated field: expected tags or tags[] once for each element, without a position":           {Query: []string{"tags[]"}},

		`request.set.nope: no value can be set here: test.stream.v1.WatchRequest has no field "nope" (` + watchFields + `)`:                                        set("nope", text("x")),
		"request.set.since.seconds: no value can be set here: since is given whole, as an RFC 3339 time such as 2026-01-02T15:04:05Z":                              set("since.seconds", text("1")),
		`request.set.count: expected an unsigned 32-bit integer, found "-1"`:                                                                                       set("count", text("-1")),
		`request.set.level: expected one of LEVEL_UNSPECIFIED, LEVEL_LOW, LEVEL_HIGH, found "HIGH"`:                                                                set("level", text("HIGH")),
		`request.set.window: expected seconds such as 1.5s, found ""`:                                                                                              set("window", nil),
		"request.set.tags: expected a list: tags is a repeated field (a list with one element is written [x])":                                                     set("tags", text("x")),
		"request.set.topic: expected one value, found a list: topic is no repeated field":                                                                          {Set: []bind.Setting{{Field: "topic", List: list(text("x"))}}},
		`request.set.levels[1]: expected one of LEVEL_UNSPECIFIED, LEVEL_LOW, LEVEL_HIGH, found "x"`:                                                               {Set: []bind.Setting{{Field: "levels", List: list(text("LEVEL_LOW"), text("x"))}}},
		"request.set.count: expected one value or one reference: only a string field takes text with references in it, and count takes an unsigned 32-bit integer": set("count", bind.Value{{Text: "1"}, {Ref: "last_event_id"}}),
		"request.set.topic: unknown reference ${cookies.x}: expected last_event_id, or path, query, header, cookie or claim with a name behind a dot":              set("topic", ref("cookies.x")),
		"request.set.topic: the reference ${path.id} needs a variable {id} in the path, which has none":                                                            set("topic", ref("path.id")),
		`request.set.after_sequence: the default of ${last_event_id}: expected a 64-bit integer, found "x"`:                                                        set("after_sequence", refOr("last_event_id", "x")),
		"request.set.topic: request.set can't bind topic: the variable {topic} binds it already":                                                                   {Variables: []string{"topic"}, Set: []bind.Setting{{Field: "topic", Value: text("x")}}},
		"request.set.number: request.set can't bind number: request.set binds name already, and of the oneof selector only one member can be set":                  {Set: []bind.Setting{{Field: "name", Value: text("x")}, {Field: "number", Value: text("1")}}},
	} {
		binder, problems := bind.Compile(descriptor[*streamv1.WatchRequest](), spec)
		require.Len(t, problems, 1, want)
		assert.Equal(t, want, problems[0].String())
		assert.Nil(t, binder)
	}
}

func TestCompileReportsAllProblemsTogether(t *testing.T) {
	_, problems := bind.Compile(descriptor[*streamv1.WatchRequest](), bind.Spec{
		Variables: []string{"a", "topic", "b"},
		Query:     []string{"topic", "c"},
		Set:       []bind.Setting{{Field: "d", Value: text("x")}, {Field: "count", Value: text("x")}},
	})
	var keys []string
	for _, p := range problems {
		keys = append(keys, p.Key)
	}
	assert.Equal(t, []string{"path", "path", "request.set.d", "request.set.count", "request.query[0]", "request.query[1]"}, keys)
}

func TestCompileAcceptsAnyMessage(t *testing.T) {
	binder := compile[*bindv1.Kinds](t, bind.Spec{})
	wire, err := binder.Bind(bind.Input{RawQuery: "string=x"})
	require.NoError(t, err)
	assert.Empty(t, wire)
}
