package source

import (
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// keptBytes is the largest buffer that a stream keeps for its next message.
const keptBytes = 64 << 10

// encoder appends a message in the protobuf wire format to dst.
type encoder func(dst []byte, message any) ([]byte, error)

// encodeMessage is an encoder for protobuf messages. Required fields may be missing, as in messages from an upstream.
func encodeMessage(dst []byte, message any) ([]byte, error) {
	m, err := messageOf(message)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{AllowPartial: true}.MarshalAppend(dst, m)
}

// unmarshal decodes a request. The error carries a gRPC status.
func unmarshal(wire []byte, message any) error {
	m, err := messageOf(message)
	if err == nil {
		err = proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(wire, m)
	}
	if err != nil {
		return status.Error(codes.Internal, "the request cannot be decoded: "+err.Error())
	}
	return nil
}

// messageOf accepts messages of the current Go API of protobuf and of the old one, as gRPC does.
func messageOf(v any) (proto.Message, error) {
	switch m := v.(type) {
	case proto.Message:
		return m, nil
	case protoadapt.MessageV1:
		return protoadapt.MessageV2Of(m), nil
	}
	return nil, fmt.Errorf("expected a protobuf message, found %T", v)
}
