package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/bridgetest"
	"github.com/grpcsse/grpcsse/bridge/config"
)

// nasty serves the schema of testdata without a server behind it.
func nasty(t *testing.T) *Console {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	require.NoError(t, err)
	cfg, err := config.Parse("grpcsse.yaml", []byte(`
upstreams:
  nasty: {target: "127.0.0.1:1", schema: {proto: {files: [nasty.proto], import_paths: ["`+dir+`"]}}}
routes:
  - {name: get, path: "/watch/{text}", rpc: nasty.v1.Nasty/Watch, request: {set: {on: "true"}}}
  - {name: post, path: /post, rpc: nasty.v1.Nasty/Watch, methods: [POST], body: "*"}
  - {name: part, path: /part, rpc: nasty.v1.Nasty/Watch, methods: [POST], body: tree}
  - {name: names, path: /names, rpc: nasty.v1.Nasty/Watch, json: {field_names: proto}, share: {late_join: {latest_by: text}, pace: {every: 100ms, newest_by: text}}}
  - {name: paced, path: /paced, rpc: nasty.v1.Nasty/Watch, share: {late_join: none, pace: {every: 1s}}}
  - {name: shared, path: /shared, rpc: nasty.v1.Nasty/Watch, share: {late_join: none}}
  - {name: const, path: /const, rpc: nasty.v1.Nasty/Watch, event: {name: {const: quote}}}
  - {name: oneof, path: /oneof, rpc: nasty.v1.Nasty/Watch, event: {name: choice}}
  - {name: enum, path: /enum, rpc: nasty.v1.Nasty/Watch, event: {name: level}}
`))
	require.NoError(t, err)
	b, _ := bridgetest.NewBridge(t, cfg)
	return newConsole(t, b, false)
}

func detailOf(t *testing.T, c *Console, id string) detail {
	t.Helper()
	w := ask(t, c, http.MethodGet, Prefix+"api/route?"+url.Values{"id": {id}}.Encode())
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	assert.NotContains(t, w.Body.String(), "<script>", "the JSON has no markup, whatever reads it")
	var out detail
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
	return out
}

func TestTheFormOfARouteHasEachFieldOrSaysWhyNot(t *testing.T) {
	d := detailOf(t, nasty(t), "GET /watch/{text}")
	assert.Contains(t, d.Doc, `Watch <img src=x onerror="document.title='owned'"> watches.`, "documentation is text")
	byName := map[string]field{}
	for _, f := range d.Fields {
		byName[f.Name] = f
	}
	assert.Equal(t, bridge.BindingPath, byName["text"].In)
	assert.Contains(t, byName["text"].Doc, "<script>")
	assert.Equal(t, []enumValue{{"LEVEL_UNSPECIFIED", ""}, {"LEVEL_HIGH", `<script>document.title = "owned"</script>`}}, byName["level"].Values)
	assert.True(t, byName["words"].Repeated)
	assert.Equal(t, "filter.limits", byName["filter.limits.most"].Group)
	assert.Equal(t, "How it filters.", byName["filter.least"].GroupDoc)
	assert.Equal(t, "choice", byName["left"].Oneof)
	assert.Contains(t, byName, "__proto__")
	assert.Contains(t, byName, "constructor")
	assert.Equal(t, []string{"on"}, d.Set)
	assert.NotContains(t, byName, "on", "a field that the route sets has no input")
	why := map[string]string{}
	for _, r := range d.Refused {
		why[r.Name] = r.Reason
	}
	assert.NotContains(t, why, "on")
	assert.Contains(t, why["labels"], "a map has no form in a query")
	assert.Contains(t, why["any"], "a value of any form")
	assert.Contains(t, why["filters"], "a list of messages")
	for name := range why {
		assert.NotContains(t, byName, name)
	}
	assert.Len(t, d.Message, 210)
}

func TestABodyBeginsWithTheDefaultsOfItsMessage(t *testing.T) {
	c := nasty(t)
	var whole map[string]any
	require.NoError(t, json.Unmarshal([]byte(detailOf(t, c, "POST /post").Body), &whole))
	assert.Equal(t, "LEVEL_UNSPECIFIED", whole["level"])
	assert.Equal(t, map[string]any{}, whole["labels"])
	assert.Equal(t, map[string]any{"least": "0", "limits": map[string]any{"most": 0.0}}, whole["filter"])
	assert.Contains(t, whole, "left")
	assert.NotContains(t, whole, "right", "one member of a oneof")
	var tree map[string]any
	require.NoError(t, json.Unmarshal([]byte(detailOf(t, c, "POST /part").Body), &tree))
	assert.Equal(t, map[string]any{"name": "", "all": []any{}, "left": map[string]any{
		"name": "", "all": []any{}, "left": map[string]any{"name": "", "all": []any{}},
	}}, tree, "a message that contains itself has an end")
}

func TestTheTableBeginsWithAKey(t *testing.T) {
	c := nasty(t)
	assert.Equal(t, "text", detailOf(t, c, "GET /watch/{text}").Key)
	shared := detailOf(t, c, "GET /names")
	assert.Equal(t, "text", shared.Key)
}

func TestARouteHasItsPace(t *testing.T) {
	c := nasty(t)
	for id, want := range map[string]*paceRow{
		"GET /names":        {Every: "100ms", NewestBy: "text"},
		"GET /paced":        {Every: "1s"},
		"GET /shared":       nil,
		"GET /watch/{text}": nil,
	} {
		assert.Equal(t, want, detailOf(t, c, id).Pace, id)
	}
}

func TestTheListOfRoutes(t *testing.T) {
	c := nasty(t)
	w := ask(t, c, http.MethodGet, Prefix+"api/routes")
	var out struct{ Routes []routeRow }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
	require.Len(t, out.Routes, 9)
	assert.Equal(t, "POST /post", out.Routes[1].ID)
	assert.True(t, out.Routes[0].Ready)
	assert.Equal(t, http.StatusNotFound, ask(t, c, http.MethodGet, Prefix+"api/route?id=GET+/none").Code)
}

func TestDocumentationIsBounded(t *testing.T) {
	long := make([]byte, 3*longestDoc)
	for i := range long {
		long[i] = "ä"[i%2]
	}
	assert.LessOrEqual(t, len(cut(string(long))), longestDoc+len("…"))
	assert.Equal(t, "ä…", cut(string(long))[:2]+cut(string(long))[len(cut(string(long)))-3:])
}
