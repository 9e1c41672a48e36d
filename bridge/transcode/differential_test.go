package transcode_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/transcode"
)

// errNoVerdict says that the oracle itself gave up: protobuf-go v1.36.12 panics over a map entry whose key comes twice, the
// second time with another wire type.
var errNoVerdict = errors.New("the oracle panics")

// byProtojson is the oracle. It returns protojson's output for the wire bytes, without its random spaces.
func byProtojson(md protoreflect.MessageDescriptor, opts transcode.Options, wire []byte) (text string, err error) {
	defer func() {
		if recover() != nil {
			text, err = "", errNoVerdict
		}
	}()
	m := dynamicpb.NewMessage(md)
	if err := proto.Unmarshal(wire, m); err != nil {
		return "", err
	}
	out, err := protojson.MarshalOptions{
		UseProtoNames: opts.ProtoNames, UseEnumNumbers: opts.EnumNumbers,
		EmitUnpopulated: opts.EmitUnpopulated, EmitDefaultValues: opts.EmitDefaults,
	}.Marshal(m)
	if err != nil {
		return "", err
	}
	return withoutSpaces(string(out)), nil
}

// withoutSpaces removes the spaces that protojson adds at random behind commas outside of strings.
func withoutSpaces(text string) string {
	inside := false
	parts := strings.Split(strings.ReplaceAll(text, `\\`, "\x00"), `"`) // escaped backslashes must not hide quotes
	for i, part := range parts {
		if !inside {
			parts[i] = strings.ReplaceAll(part, " ", "")
		}
		inside = inside == strings.HasSuffix(part, `\`) && i+1 < len(parts)
	}
	return strings.ReplaceAll(strings.Join(parts, `"`), "\x00", `\\`)
}

// assertSame compares a Transcoder with protojson: both fail, or both give the same JSON in any order.
func assertSame(t assert.TestingT, tc *transcode.Transcoder, opts transcode.Options, wire []byte) {
	want, wantErr := byProtojson(tc.Descriptor(), opts, wire)
	before := bytes.Clone(wire)
	got, gotErr := tc.AppendJSON([]byte("x"), wire)
	assert.Equal(t, before, wire, "the wire bytes must not change")
	if errors.Is(wantErr, errNoVerdict) {
		return // the Transcoder did not panic, and no more can be asked here
	}
	if wantErr != nil && knowsNoType(wantErr) {
		return // this is not an error for the Transcoder
	}
	if wantErr != nil {
		assert.Error(t, gotErr, "protojson says: %v\ngot %s", wantErr, got)
		assert.Equal(t, "x", string(got))
		return
	}
	if !assert.NoError(t, gotErr, "protojson makes of %x: %s", wire, want) {
		return
	}
	sortedWant, err := canonical(want)
	assert.NoError(t, err)
	sortedGot, err := canonical(string(got[1:]))
	assert.NoError(t, err)
	assert.Equal(t, sortedWant, sortedGot)
}

// knowsNoType reports whether protojson's error is about a google.protobuf.Any of an unknown type.
func knowsNoType(err error) bool {
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ")
	return strings.Contains(text, "google.protobuf.Any: unable to resolve") || strings.Contains(text, "google.protobuf.Any: type_url is not set")
}

// assertSameVerdict is assertSame for messages that are too deep to be compared.
func assertSameVerdict(t assert.TestingT, tc *transcode.Transcoder, wire []byte) {
	_, wantErr := byProtojson(tc.Descriptor(), transcode.Options{}, wire)
	_, err := tc.AppendJSON(nil, wire)
	assert.Equal(t, wantErr == nil, err == nil)
}

func drawOptions(t *rapid.T) transcode.Options {
	return transcode.Options{
		ProtoNames:      rapid.Bool().Draw(t, "proto names"),
		EnumNumbers:     rapid.Bool().Draw(t, "enum numbers"),
		EmitDefaults:    rapid.Bool().Draw(t, "emit defaults"),
		EmitUnpopulated: rapid.Bool().Draw(t, "emit unpopulated"),
	}
}

func drawTranscoder(t *rapid.T) (*transcode.Transcoder, transcode.Options) {
	opts := drawOptions(t)
	md := rapid.SampledFrom(testMessages()).Draw(t, "type").ProtoReflect().Descriptor()
	tc, err := transcode.New(md, opts)
	require.NoError(t, err)
	return tc, opts
}

func TestSameAsProtojson(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tc, opts := drawTranscoder(t)
		d := wireDrawer{t: t}
		assertSame(t, tc, opts, d.message(tc.Descriptor()))
	})
}

func TestSameAsProtojsonOdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tc, opts := drawTranscoder(t)
		d := wireDrawer{t: t, odd: true}
		assertSame(t, tc, opts, d.message(tc.Descriptor()))
	})
}

func TestSameAsProtojsonMutated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tc, opts := drawTranscoder(t)
		d := wireDrawer{t: t}
		wire := d.message(tc.Descriptor())
		for range rapid.IntRange(1, 3).Draw(t, "mutations") {
			if len(wire) == 0 {
				break
			}
			at := rapid.IntRange(0, len(wire)-1).Draw(t, "at")
			switch rapid.IntRange(0, 3).Draw(t, "mutation") {
			case 0:
				wire[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			case 1:
				wire = wire[:at]
			case 2:
				wire = append(wire[:at], wire[at+1:]...)
			default:
				wire = append(wire[:at:at], append([]byte{rapid.Byte().Draw(t, "byte")}, wire[at:]...)...)
			}
		}
		assertSame(t, tc, opts, wire)
	})
}

// Messages that the encoders of protobuf-go write are never rewritten.
func TestEncodersAvoidTheSlowWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		md := rapid.SampledFrom(testMessages()).Draw(t, "type").ProtoReflect()
		tc, err := transcode.New(md.Descriptor(), drawOptions(t))
		require.NoError(t, err)
		d := wireDrawer{t: t, noDuplicates: true}
		wire := d.message(md.Descriptor())
		for _, m := range []proto.Message{md.New().Interface(), dynamicpb.NewMessage(md.Descriptor())} {
			require.NoError(t, proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(wire, m))
			again, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
			require.NoError(t, err)
			_, err = tc.AppendJSON(nil, again)
			if _, wantErr := byProtojson(md.Descriptor(), transcode.Options{}, again); wantErr == nil {
				require.NoError(t, err)
			}
		}
		require.Zero(t, tc.Fallbacks())
	})
}
