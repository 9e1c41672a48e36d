package schema

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/grpcsse/grpcsse/bridge/internal/localfile"
)

// Bounds of a compressed descriptor set: it may unpack to 64 MiB, and to 1 MiB plus 100 times its size. Real sets unpack to
// about ten times their size.
const (
	maxUnpackedBytes  = 64 << 20
	freeUnpackedBytes = 1 << 20
	maxUnpackedTimes  = 100
)

// Bounds of an uncompressed set, in bytes and in elements. Elements are the messages of every kind in the set, and the texts in
// its lists. An element of two bytes on the wire can take hundreds of bytes in memory.
const (
	maxSetBytes    = maxUnpackedBytes
	maxSetElements = 2_000_000
)

// howToShrink says what a user can do about a set that is too large.
const howToShrink = "leave out what is not served: `buf build --path DIR --exclude-source-info`"

// readSet reads a file with a descriptor set.
func readSet(path string) (content []byte, err error) {
	content, err = localfile.Read(path, maxSetBytes)
	if errors.Is(err, localfile.ErrTooLong) {
		return nil, fmt.Errorf("%s: expected at most %d bytes, found more; %s", path, maxSetBytes, howToShrink)
	}
	return content, err
}

// checkElements refuses a set of too many elements before it is parsed.
func checkElements(content []byte) error {
	var elements int
	if isJSON(content) {
		elements = bytes.Count(content, []byte("{")) + bytes.Count(content, []byte(`",`)) // an upper bound
	} else {
		elements = countElements(content, (*descriptorpb.FileDescriptorSet)(nil).ProtoReflect().Descriptor(), 0)
	}
	if elements > maxSetElements {
		return fmt.Errorf("expected a set of at most %d elements, found more; %s", maxSetElements, howToShrink)
	}
	return nil
}

// countElements counts the messages in a message in the wire format, and the texts in its lists. It stops where the bytes do
// not parse: proto.Unmarshal reports the error afterwards.
func countElements(wire []byte, md protoreflect.MessageDescriptor, depth int) (elements int) {
	if depth == deepest {
		return 0
	}
	for number, body := range wireFields(wire) {
		fd := md.Fields().ByNumber(number)
		if fd == nil || body == nil || fd.Message() == nil && !fd.IsList() {
			continue
		}
		elements++
		if fd.Message() != nil {
			elements += countElements(body, fd.Message(), depth+1)
		}
	}
	return elements
}

// decodeSet decodes a FileDescriptorSet in binary form or JSON, with or without gzip. The content decides which form it is.
// Unknown fields of the JSON are ignored: custom options, and fields that buf adds.
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

// unpack decompresses gzip, and refuses content that is too large for its compressed size.
func unpack(packed []byte) ([]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("expected gzip, as its first bytes say: %w", err)
	}
	limit := min(maxUnpackedBytes, freeUnpackedBytes+maxUnpackedTimes*len(packed))
	content, err := io.ReadAll(io.LimitReader(zip, int64(limit)+1))
	switch {
	case len(content) > limit:
		return nil, fmt.Errorf("expected a compressed set of at most %d bytes once it is unpacked, found more in these %d bytes "+
			"of gzip; give it uncompressed", limit, len(packed))
	case err != nil:
		return nil, fmt.Errorf("expected a whole gzip file: %w", err)
	}
	return content, nil
}

// byteOrderMark is written by some editors at the beginning of JSON.
var byteOrderMark = []byte("\xef\xbb\xbf")

// isJSON reports whether content is JSON. A set in binary form also begins with a line feed, which is the tag of its first
// file, and a "{" after the tag may be the length of that file.
func isJSON(content []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(content, byteOrderMark), " \t\r\n")
	if !bytes.HasPrefix(text, []byte("{")) {
		return false
	}
	return content[0] != '\n' || json.Valid(text)
}
