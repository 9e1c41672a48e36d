package transcode_test

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	transcodev1 "github.com/grpcsse/grpcsse/gen/test/transcode/v1"
)

// wellKnown draws the well-known types that random fields would mostly make invalid.
func (d *wireDrawer) wellKnown(md protoreflect.MessageDescriptor) ([]byte, bool) {
	if d.rarely() {
		return nil, false
	}
	var m proto.Message
	switch md.FullName() {
	case "google.protobuf.Timestamp":
		m = d.timestamp()
	case "google.protobuf.Duration":
		seconds := rapid.Int64Range(-315576000000, 315576000000).Draw(d.t, "duration")
		nanos := d.nanos()
		if seconds < 0 || seconds == 0 && rapid.Bool().Draw(d.t, "negative") {
			nanos = -nanos
		}
		if d.odd {
			seconds = rapid.SampledFrom([]int64{seconds, seconds, 0, 1, -1, 315576000000, 315576000001, -315576000000, -315576000001}).Draw(d.t, "odd duration")
			nanos *= rapid.SampledFrom([]int32{1, 1, -1}).Draw(d.t, "sign")
		}
		// A Duration has the same two fields as a Timestamp.
		m = &timestamppb.Timestamp{Seconds: seconds, Nanos: nanos}
	case "google.protobuf.FieldMask":
		paths := []string{"a", "a_b", "a.b_c.d", "_a", "foo_bar", "a1"}
		if d.odd {
			paths = append(paths, "aB", "A", "Z_a", "a.Zb", "a_B", "a_z", "a_Z", "a__b", "a_", "a_1", "", ".", "a..b", "\xff")
		}
		m = &fieldmaskpb.FieldMask{Paths: rapid.SliceOfN(rapid.SampledFrom(paths), 0, 3).Draw(d.t, "paths")}
		wire := []byte{}
		for _, p := range m.(*fieldmaskpb.FieldMask).Paths {
			wire = protowire.AppendString(protowire.AppendTag(wire, 1, protowire.BytesType), p)
		}
		return wire, true
	case "google.protobuf.Value":
		return d.structValue(md), true
	case "google.protobuf.Any":
		return d.any(), true
	default:
		return nil, false
	}
	wire, err := proto.Marshal(m)
	if err != nil {
		d.t.Fatal(err)
	}
	return wire, true
}

func (d *wireDrawer) nanos() int32 {
	if d.odd && rapid.IntRange(0, 4).Draw(d.t, "odd nanos") == 0 {
		return rapid.SampledFrom([]int32{-1, 1, 999999999, 1000000000, -999999999, -1000000000, math.MaxInt32, math.MinInt32}).Draw(d.t, "edge of nanos")
	}
	n := rapid.Int32Range(0, 999).Draw(d.t, "nanos")
	return n * rapid.SampledFrom([]int32{0, 1, 1000, 1000000, 1001001}).Draw(d.t, "unit") % 1e9
}

func (d *wireDrawer) timestamp() *timestamppb.Timestamp {
	seconds := rapid.Int64Range(-62135596800, 253402300799).Draw(d.t, "seconds")
	if rapid.Bool().Draw(d.t, "edge of day") {
		seconds -= seconds % 86400
	}
	if d.rarely() {
		seconds *= 1000
	}
	if d.odd && rapid.IntRange(0, 4).Draw(d.t, "odd seconds") == 0 {
		seconds = rapid.SampledFrom([]int64{-62135596801, -62135596800, -1, 253402300799, 253402300800}).Draw(d.t, "edge of time")
	}
	return &timestamppb.Timestamp{Seconds: seconds, Nanos: d.nanos()}
}

func (d *wireDrawer) structValue(md protoreflect.MessageDescriptor) []byte {
	n := rapid.IntRange(0, 5).Draw(d.t, "value kind")
	if d.depth > 3 {
		n = rapid.IntRange(0, 3).Draw(d.t, "leaf kind")
	}
	fd := md.Fields().Get(n)
	if fd.Kind() == protoreflect.DoubleKind && !d.odd {
		wire, _ := proto.Marshal(structpb.NewNumberValue(float64(rapid.IntRange(-5, 5).Draw(d.t, "number")) / 4))
		return wire
	}
	return d.tagged(fd)
}

func (d *wireDrawer) any() []byte {
	known := &transcodev1.Known{}
	types := []protoreflect.MessageDescriptor{(&transcodev1.Small{}).ProtoReflect().Descriptor(), (&transcodev1.Needy{}).ProtoReflect().Descriptor(),
		(&transcodev1.Proto2{}).ProtoReflect().Descriptor()}
	for i := range known.ProtoReflect().Descriptor().Fields().Len() {
		if fd := known.ProtoReflect().Descriptor().Fields().Get(i); fd.Cardinality() == protoreflect.Optional {
			types = append(types, fd.Message())
		}
	}
	md := rapid.SampledFrom(types).Draw(d.t, "any type")
	m := &anypb.Any{TypeUrl: "type.googleapis.com/" + string(md.FullName()), Value: d.message(md)}
	if d.rarely() {
		m.TypeUrl = rapid.SampledFrom([]string{"", "example.com/no.Such", "google.protobuf.Empty", "\"/google.protobuf.Empty"}).Draw(d.t, "url")
	}
	wire, err := proto.Marshal(m)
	if err != nil {
		d.t.Fatal(err)
	}
	return wire
}
