package bridge_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"

	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// last returns what the upstream was called with last, and whether there was a call since the record was emptied, which last does.
func (r *callRecorder) last() (*streamv1.WatchRequest, metadata.MD, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.requests, r.metadata = nil, nil }()
	if len(r.requests) != 1 {
		return nil, nil, false
	}
	return r.requests[0], r.metadata[0], true
}

// A claim reaches the upstream exactly as it is, or the caller is refused. The upstream sees no part of it, and nothing beside it.
func TestAClaimIsSentExactlyOrTheCallerIsRefused(t *testing.T) {
	const refused, missing = "INVALID_ARGUMENT", "UNAUTHENTICATED"
	long := strings.Repeat("0123456789", 1000)
	i, up := newIssuer(t), &callRecorder{}
	s := startServer(t, "127.0.0.1:0", up.watch)
	field := func(path, extra string) string {
		return "  - {path: \"" + path + "/{topic}\", rpc: test.stream.v1.StreamService/Watch, auth: {jwt: corp}, open_wait: 10s, " + extra + "}\n"
	}
	f := startFront(t, s, "upstreams: {test: {target: \"ADDR\"}}\nroutes:\n"+
		field("/text", `metadata: {set: {x-claim: "${claim.x}"}}`)+
		field("/bytes", `metadata: {set: {x-claim-bin: "${claim.x}"}}`)+
		field("/field", `request: {set: {name: "${claim.x}"}}`)+
		field("/label", `request: {set: {labels: {x: "${claim.x}"}}}`)+i.auth(""))
	for name, tt := range map[string]struct {
		claim              any
		text, bytes, field string // what the upstream receives, or the status of the refusal
	}{
		"plain":             {"alice", "alice", refused, "alice"},
		"blank inside":      {"a b", "a b", refused, "a b"},
		"CR":                {"a\rb", refused, refused, "a\rb"},
		"LF":                {"a\nb", refused, refused, "a\nb"},
		"CR LF at the end":  {"a\r\n", refused, refused, "a\r\n"},
		"another header":    {"a\r\nx-admin: 1", refused, refused, "a\r\nx-admin: 1"},
		"NUL":               {"a\x00b", refused, refused, "a\x00b"},
		"TAB":               {"a\tb", refused, refused, "a\tb"},
		"DEL":               {"a\x7f", refused, refused, "a\x7f"},
		"no ASCII":          {"Jürgen", refused, refused, "Jürgen"},
		"beyond 16 bits":    {"😀", refused, refused, "😀"},
		"C1 control":        {"a\u0085b", refused, refused, "a\u0085b"},
		"line separator":    {"a\u2028b", refused, refused, "a\u2028b"},
		"no-break space":    {"\u00a0a", refused, refused, "\u00a0a"},
		"blank before":      {" a", refused, refused, " a"},
		"blank behind":      {"a ", refused, refused, "a "},
		"only a blank":      {" ", refused, refused, " "},
		"empty":             {"", "", "", ""},
		"comma":             {"a,b", "a,b", refused, "a,b"},
		"reference":         {"${claim.sub}", "${claim.sub}", refused, "${claim.sub}"},
		"long":              {long, long, "", long},
		"base64":            {"AP8=", "AP8=", "\x00\xff", "AP8="},
		"base64, no pad":    {"AP8", "AP8", "\x00\xff", "AP8"},
		"base64 in a list":  {"AP8=,AP8=", "AP8=,AP8=", refused, "AP8=,AP8="},
		"base64 of lines":   {"AP8\n", refused, refused, "AP8\n"},
		"base64 with blank": {"AP8= ", refused, refused, "AP8= "},
		"number":            {12345678901234567, "12345678901234567", refused, "12345678901234567"},
		"fraction":          {0.5, "0.5", refused, "0.5"},
		"true":              {true, "true", "\xb6\xbb\x9e", "true"},
		"null":              {nil, missing, missing, missing},
		"list":              {[]string{"a", "b"}, missing, missing, missing},
		"list of one":       {[]string{"a"}, missing, missing, missing},
		"object":            {map[string]any{"y": "a"}, missing, missing, missing},
	} {
		token := i.token(t, time.Hour, map[string]any{"sub": "root", "x": tt.claim})
		for path, want := range map[string]string{"/text": tt.text, "/bytes": tt.bytes, "/field": tt.field, "/label": tt.field} {
			if name == "long" && path == "/bytes" {
				continue // it is base64 of 7,500 bytes, which the other cases have shorter
			}
			t.Run(name+path, func(t *testing.T) {
				r := eventSource(t.Context(), t, f.url+path+"/t", "Authorization", "Bearer "+token)
				r.Header.Set("Accept", "application/json")
				if want != refused && want != missing {
					r.Header.Set("Accept", "text/event-stream")
				}
				resp := do(t, clients(t)["HTTP1"], r)
				if want == refused || want == missing {
					status := map[string]int{refused: http.StatusBadRequest, missing: http.StatusUnauthorized}[want]
					require.Equal(t, status, resp.StatusCode)
					text := bodyOf(t, resp)
					assert.Contains(t, text, `"status":"`+want+`"`)
					assert.Contains(t, text, "claim.x", "the message names the reference")
					_, _, called := up.last()
					assert.False(t, called, "a caller that is refused reaches no upstream")
					return
				}
				requireEvent(t, newReader(resp), "")
				req, md, called := up.last()
				require.True(t, called)
				got := map[string][]string{
					"/text": md["x-claim"], "/bytes": md["x-claim-bin"], "/field": {req.GetName()}, "/label": {req.GetLabels()["x"]},
				}[path]
				assert.Equal(t, []string{want}, got)
				assert.Empty(t, md["x-admin"])
				assert.Equal(t, "t", req.GetTopic())
			})
		}
	}
}

// Metadata that gRPC or HTTP/2 sets itself is refused in the file, so no claim can take its place.
func TestReservedMetadataIsRefusedInTheFile(t *testing.T) {
	for _, name := range []string{
		"grpc-timeout", "grpc-status", "grpc-encoding", "GRPC-Message", "grpc-x-bin", ":authority", ":path", "content-type", "Content-Type",
		"te", "user-agent", "host", "connection", "transfer-encoding", "upgrade", "x y", "é", "x:y",
	} {
		file := routeFile(`metadata: {set: {"` + name + `": "${claim.x}"}}`)
		_, err := config.Parse("a.yaml", []byte(file))
		var problems config.Problems
		require.ErrorAs(t, err, &problems, name)
		assert.Contains(t, problems[0].Error(), "a.yaml:6:", name)
		assert.Contains(t, problems[0].Error(), "metadata name", name)
	}
}
