package schema

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// A compressed descriptor set may have 100 times its size, beyond the first MiB, and 64 MiB at most. Real ones have ten times.
const (
	maxUnpackedBytes  = 64 << 20
	freeUnpackedBytes = 1 << 20
	maxUnpackedTimes  = 100
)

// An uncompressed set may have as many bytes as a compressed one once it is unpacked, and so many elements: messages of every
// kind in it, and the names in its lists. Two bytes can make an element of hundreds.
const (
	maxSetBytes    = maxUnpackedBytes
	maxSetElements = 2_000_000
)

// howToShrink is what to do about a set that is too large.
const howToShrink = "leave out what is not served: `buf build --path DIR --exclude-source-info`"

// readSet reads a file with a descriptor set.
func readSet(path string) (content []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	content, err = io.ReadAll(io.LimitReader(f, maxSetBytes+1))
	if len(content) > maxSetBytes {
		return nil, fmt.Errorf("%s: expected at most %d bytes, found more; %s", path, maxSetBytes, howToShrink)
	}
	return content, err
}

// checkElements refuses a set of too many elements before it is parsed.
func checkElements(content []byte) error {
	var elements int
	if isJSON(content) {
		elements = bytes.Count(content, []byte("{")) + bytes.Count(content, []byte(`",`)) // or more than there are
	} else {
		elements = countElements(content, (*descriptorpb.FileDescriptorSet)(nil).ProtoReflect().Descriptor(), 0)
	}
	if elements > maxSetElements {
		return fmt.Errorf("expected a set of at most %d elements, found more; %s", maxSetElements, howToShrink)
	}
	return nil
}

// countElements counts the messages in a message on the wire, and the texts in its lists. It stops where the bytes do not
// parse: the code that parses them says so.
func countElements(wire []byte, md protoreflect.MessageDescriptor, depth int) (elements int) {
	for len(wire) > 0 && depth < deepest {
		number, kind, n := protowire.ConsumeTag(wire)
		if n < 0 {
			break
		}
		size := protowire.ConsumeFieldValue(number, kind, wire[n:])
		if size < 0 {
			break
		}
		if fd := md.Fields().ByNumber(number); fd != nil && kind == protowire.BytesType && (fd.Message() != nil || fd.IsList()) {
			elements++
			if fd.Message() != nil {
				body, _ := protowire.ConsumeBytes(wire[n:])
				elements += countElements(body, fd.Message(), depth+1)
			}
		}
		wire = wire[n+size:]
	}
	return elements
}

// decodeSet reads a FileDescriptorSet in whichever form it is, by its content: binary or JSON, each of them as it is or
// compressed with gzip. What the JSON has beside the fields that are known here is passed over: options of one's own, and
// what buf adds.
func decodeSet(content []byte) (*descriptorpb.FileDescriptorSet, error) {
	if bytes.HasPrefix(content, []byte{0x1f, 0x8b}) {
		var err error
		if content, err = unpack(content); err != nil {
			return nil, err
		}
	}
	if err := checkElements(content); err != nil {
		return nil, err
	}
	set := new(descriptorpb.FileDescriptorSet)
	if isJSON(content) {
		text := bytes.TrimPrefix(content, byteOrderMark)
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, set); err != nil {
			return nil, fmt.Errorf("expected the JSON of a FileDescriptorSet: %w", err)
		}
		return set, nil
	}
	if err := proto.Unmarshal(content, set); err != nil {
		return nil, fmt.Errorf("expected a FileDescriptorSet in binary form, as JSON, or one of them compressed with gzip: %w", err)
	}
	return set, nil
}

// unpack decompresses gzip, and refuses what grows out of proportion.
func unpack(packed []byte) ([]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("expected gzip, as its first bytes say: %w", err)
	}
	limit := min(maxUnpackedBytes, freeUnpackedBytes+maxUnpackedTimes*len(packed))
	content, err := io.ReadAll(io.LimitReader(zip, int64(limit)+1))
	switch {
	case len(content) > limit:
		return nil, fmt.Errorf("expected a compressed set of at most %d bytes once it is unpacked, found more in these %d bytes of gzip; "+
			"give it uncompressed", limit, len(packed))
	case err != nil:
		return nil, fmt.Errorf("expected a whole gzip file: %w", err)
	}
	return content, nil
}

// byteOrderMark is what some editors put before JSON.
var byteOrderMark = []byte("\xef\xbb\xbf")

// isJSON reports whether content is meant as JSON. A set in binary form begins with a line feed, which is the tag of its first
// file, and a "{" after it may be that file's length.
func isJSON(content []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(content, byteOrderMark), " \t\r\n")
	if !bytes.HasPrefix(text, []byte("{")) {
		return false
	}
	return content[0] != '\n' || json.Valid(text)
}
