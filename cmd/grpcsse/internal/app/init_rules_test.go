package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ruledSource has a method for each kind of rule: those that become routes, and those that cannot.
const ruledSource = `syntax = "proto3";
package ruled.v1;
import "google/api/annotations.proto";
import "grpcsse/v1/options.proto";
message Request { string shelf = 1; string topic = 2; int64 after_sequence = 3; Filter filter = 4; bool after = 5; }
message Filter { string kind = 1; }
message Update { int64 sequence = 1; Filter change = 2; string topic = 3; }
service Ruled {
  // Lists has a rule with two bindings.
  rpc WatchLists(Request) returns (stream Update) {
    option (google.api.http) = {get: "/v1/lists/{topic}" additional_bindings {get: "/v1/{shelf=shelves/*}/lists:watch" response_body: "change"}};
  }
  rpc Both(Request) returns (stream Update) {
    option (google.api.http) = {post: "/v1/both/{topic}" body: "filter" additional_bindings {get: "/v1/both/{topic}"}};
  }
  rpc Chat(Request) returns (stream Update) { option (google.api.http) = {post: "/v1/chat" body: "*"}; }
  rpc Own(Request) returns (stream Update) { option (grpcsse.v1.route) = {path: "/own/{topic}"}; }
  rpc Cursor(Request) returns (stream Update) { option (google.api.http) = {get: "/v1/after/{after_sequence}"}; }
  rpc XTaken(Request) returns (stream Update) { option (google.api.http) = {get: "/v1/lists/{shelf}"}; }
  rpc WatchWords(Request) returns (stream Update) { option (google.api.http) = {get: "/words/{shelf}"}; }
  rpc StreamWords(Request) returns (stream Update);
  rpc Absent(Request) returns (stream Update) { option (google.api.http) = {get: "/v1/{absent}"}; }
  rpc Message(Request) returns (stream Update) { option (google.api.http) = {get: "/v2/{filter}"}; }
  rpc Broken(Request) returns (stream Update) { option (google.api.http) = {get: "v1/{topic\n- path: /evil"}; }
  rpc NoData(Request) returns (stream Update) { option (google.api.http) = {get: "/v1/data" response_body: "absent"}; }
  rpc NoBody(Request) returns (stream Update) { option (google.api.http) = {post: "/v1/body" body: "absent"}; }
  rpc Escaped(Request) returns (stream Update) { option (google.api.http) = {get: "/plai%6e/{topic}"}; }
  rpc Plain(Request) returns (stream Update);
  rpc Put(Request) returns (stream Update) { option (google.api.http) = {put: "/v1/put" body: "*"}; }
  rpc Kind(Request) returns (stream Update) { option (google.api.http) = {custom {kind: "WATCH" path: "/v1/kind"}}; }
  rpc Nothing(Request) returns (stream Update) { option (google.api.http) = {}; }
}
`

// routesIn returns the lines of a file that belong to the routes of a method.
func routesIn(text, method string) string {
	var out strings.Builder
	for _, block := range strings.Split(text, "\n\n") {
		if strings.Contains(block, "rpc: ruled.v1.Ruled/"+method+"\n") {
			out.WriteString(block + "\n")
		}
	}
	return out.String()
}

func TestInitTakesThePathsOfAnnotations(t *testing.T) {
	text := writesAndServes(t, 19, "--upstream", startNasty(t, compileNasty(t, map[string]string{"ruled.proto": ruledSource})))
	for method, want := range map[string][]string{
		"WatchLists": {
			"- path: /v1/lists/{topic}\n", "The path is that of the google.api.http rule `get /v1/lists/{topic}`.",
			"# {topic} is a field of the request, string\n", "    # event: {id: sequence}\n", "    # share: {late_join: latest}\n",
			`- path: "/v1/{shelf=shelves/*}/lists:watch"`, "    event:\n      data: change #", "      # id: sequence\n",
		},
		"Both":       {"- path: /v1/both/{topic}\n", "    methods: [GET, POST]\n    body: \"filter\"\n"},
		"Chat":       {"- path: /v1/chat\n", "    methods: [GET, POST]\n    body: \"*\"\n", "GET is for an EventSource, which sends no POST."},
		"Own":        {"- path: /own/{topic}\n", "The path is that of the option grpcsse.v1.route."},
		"Cursor":     {"- path: /v1/after/{after_sequence}\n"},
		"XTaken":     {"- path: /x-taken/{topic}\n", "Not used: the google.api.http rule `get /v1/lists/{shelf}`: it fits the same requests as /v1/lists/{topic}"},
		"WatchWords": {"- path: /words/{shelf}\n"}, "StreamWords": {"- path: /ruled/words/{topic}\n"},
		"Absent":  {"- path: /absent/{topic}\n", "Not used: the google.api.http rule `get /v1/{absent}`: ", "absent"},
		"Message": {"- path: /message/{topic}\n", "Not used: the google.api.http rule `get /v2/{filter}`: "},
		"Broken":  {"- path: /broken/{topic}\n", "Not used: the google.api.http rule `get v1/{topic\n"},
		"NoData":  {"- path: /no-data/{topic}\n", "Not used: the google.api.http rule `get /v1/data`: "},
		"NoBody":  {"- path: /no-body/{topic}\n", "Not used: the google.api.http rule `post /v1/body`: "},
		"Escaped": {"- path: \"/plai%6e/{topic}\"\n"}, "Plain": {"- path: /ruled/plain/{topic}\n"},
		"Put":  {"- path: /put/{topic}\n", "Not used: the google.api.http rule `put /v1/put`: the bridge answers GET and POST"},
		"Kind": {"- path: /kind/{topic}\n", "`watch /v1/kind`"}, "Nothing": {"- path: /nothing/{topic}\n"},
	} {
		routes := routesIn(text, method)
		for _, part := range want {
			assert.Contains(t, routes, part, method)
		}
	}
	assert.NotContains(t, routesIn(text, "Cursor"), "request: {", "the path has the field already")
	assert.NotContains(t, routesIn(text, "Both")+routesIn(text, "Chat"), "share:", "a POST is not shared")
	assert.NotRegexp(t, "(?m)^ *- path: /evil", text)
}

// The rules of .proto files count as those of a server do.
func TestInitTakesThePathsOfAnnotationsInSources(t *testing.T) {
	dir := t.TempDir()
	proto := filepath.Join(dir, "ruled.proto")
	require.NoError(t, os.WriteFile(proto, []byte(ruledSource), 0o600))
	stdout, _ := runs(t, codeOK, "init", "--proto", proto)
	assert.Contains(t, stdout, "- path: /v1/lists/{topic}\n")
	assert.Contains(t, stdout, "  # Lists has a rule with two bindings.\n")
}
