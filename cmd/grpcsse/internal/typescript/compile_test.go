package typescript_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/describe"
	"github.com/grpcsse/grpcsse/bridge/transcode"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/contract"
	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/typescript"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
	"github.com/grpcsse/grpcsse/internal/anymessage"
	"github.com/grpcsse/grpcsse/internal/misfit"
)

// compile fails unless TypeScript takes the files, under the strictest settings.
func compile(t *testing.T, files map[string]string) {
	t.Helper()
	client, err := filepath.Abs("../../../../client")
	require.NoError(t, err)
	compiler := filepath.Join(client, "node_modules/typescript/bin/tsc")
	if _, err := os.Stat(compiler); err != nil {
		if os.Getenv("GRPCSSE_REQUIRE_NODE") == "1" {
			t.Fatalf("GRPCSSE_REQUIRE_NODE is 1, and %s is not there: run npm ci in client", compiler)
		}
		t.Skip("skipped: there is no client/node_modules/typescript; npm ci in client installs it")
	}
	dir := t.TempDir()
	settings, err := json.Marshal(map[string]any{
		"compilerOptions": map[string]any{
			"target": "es2022", "module": "esnext", "moduleResolution": "bundler", "types": []string{}, "noEmit": true, "strict": true,
			"lib": []string{"es2022", "dom", "dom.iterable", "esnext.disposable"}, "exactOptionalPropertyTypes": true,
			"noUncheckedIndexedAccess": true, "skipLibCheck": false, "isolatedModules": true,
			"paths": map[string]any{"grpcsse": []string{filepath.Join(client, "dist/index.d.ts")}},
		},
		"include": []string{"*.ts"},
	})
	require.NoError(t, err)
	files["tsconfig.json"] = string(settings)
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	out, err := exec.CommandContext(t.Context(), "node", compiler, "-p", dir).CombinedOutput()
	if err == nil {
		return
	}
	lines := strings.SplitN(string(out), "\n", 30)
	for _, line := range lines[:min(len(lines), 15)] { // with the lines that they are about
		var at int
		name, rest, _ := strings.Cut(line, "(")
		if _, err := fmt.Sscanf(rest, "%d", &at); err == nil {
			if source := strings.Split(files[filepath.Base(name)], "\n"); at <= len(source) {
				line += "\n    " + source[at-1]
			}
		}
		t.Log(line)
	}
	t.Fatalf("TypeScript does not take the files: %v", err)
}

// sample is a message type under some options, with what the bridge writes for it.
type sample struct {
	route      contract.Route
	shape      *describe.Shape
	transcoder *transcode.Transcoder
}

func samples(t *testing.T) (all []sample) {
	t.Helper()
	for _, bits := range []int{0, 3, 4, 7} {
		o := describe.Options{ProtoNames: bits&1 != 0, EnumNumbers: bits&2 != 0, EmitDefaults: bits&4 == 0}
		shapes := describe.New(o)
		for _, md := range misfit.MessageTypes() {
			tc, err := transcode.New(md, transcode.Options{ProtoNames: o.ProtoNames, EnumNumbers: o.EnumNumbers, EmitDefaults: o.EmitDefaults})
			require.NoError(t, err)
			all = append(all, sample{shape: shapes.Message(md), transcoder: tc, route: contract.Route{
				Path: fmt.Sprintf("/%d/%s", bits, md.FullName()), RPC: "test", JSON: o, Data: md, Events: contract.Names{Unnamed: true},
				Method: streamv1.File_test_stream_v1_stream_proto.Services().Get(0).Methods().Get(0),
			}})
		}
	}
	return all
}

// written returns the JSON of a message, as the bridge writes it. It is "" for a message that has none.
func (s sample) written(t require.TestingT, m protoreflect.Message) string {
	wire, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(m.Interface())
	require.NoError(t, err)
	text, err := s.transcoder.AppendJSON(nil, wire)
	if err != nil {
		return ""
	}
	return string(text)
}

// TestWhatIsWrittenCompiles assigns JSON that the bridge's transcoder wrote to the types: of empty messages, and of random ones. Then
// it makes one value wrong, and TypeScript must refuse it.
func TestWhatIsWrittenCompiles(t *testing.T) {
	var events strings.Builder
	events.WriteString("import type {Routes} from \"grpcsse\";\n")
	var routes []contract.Route
	right, wrong := 0, map[string]int{}
	for _, s := range samples(t) {
		routes = append(routes, s.route)
		is := fmt.Sprintf("Routes[%q][\"events\"][\"message\"]", s.route.Path)
		messages := []protoreflect.Message{dynamicpb.NewMessage(s.route.Data)}
		draw := rapid.Custom(func(rt *rapid.T) protoreflect.Message { return anymessage.Message(rt, s.route.Data) })
		for seed := range 3 {
			messages = append(messages, draw.Example(seed))
		}
		met := map[string]bool{}
		for _, m := range messages {
			text := s.written(t, m)
			if text == "" || met[text] {
				continue
			}
			met[text] = true
			right++
			fmt.Fprintf(&events, "(0 as unknown as (is: %s) => void)(%s);\n", is, text)
			for _, bad := range misfit.Of(t, s.shape, text) {
				if wrong[bad.What]++; wrong[bad.What] > 12 {
					continue // of a kind of mistake, some are enough
				}
				fmt.Fprintf(&events, "// @ts-expect-error: %s\n(0 as unknown as (is: %s) => void)(%s);\n", bad.What, is, bad.Text)
			}
		}
	}
	assert.Greater(t, right, 400)
	t.Logf("%d documents, and mistakes: %v", right, wrong)
	for _, kind := range misfit.Kinds() {
		assert.NotZero(t, wrong[kind], "no sample has the mistake %q", kind)
	}
	compile(t, map[string]string{
		"events.d.ts": string(typescript.File(routes, typescript.Options{})), "samples.ts": events.String(),
	})
}
