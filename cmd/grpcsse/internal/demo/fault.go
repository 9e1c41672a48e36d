package demo

import (
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	faultv1 "github.com/grpcsse/grpcsse/gen/demo/fault/v1"
)

// faultGap is the time before each message and before the end; maxFaultMessages bounds a request.
const (
	faultGap         = 500 * time.Millisecond
	maxFaultMessages = 100
)

// faults is the service whose streams fail as the request says.
type faults struct {
	faultv1.UnimplementedFaultServiceServer
}

// StreamThenFail implements faultv1.FaultServiceServer.
func (faults) StreamThenFail(
	request *faultv1.StreamThenFailRequest, stream grpc.ServerStreamingServer[faultv1.Heartbeat],
) error {
	messages := request.GetMessages()
	if messages < 0 || messages > maxFaultMessages {
		return status.Errorf(codes.InvalidArgument, "messages: expected a number from 0 to %d, found %d",
			maxFaultMessages, messages)
	}
	if _, known := faultv1.Code_name[int32(request.GetCode())]; !known {
		return status.Errorf(codes.InvalidArgument, "code: expected a gRPC status code from 0 to 16, found %d",
			request.GetCode())
	}
	ticker := time.NewTicker(faultGap)
	defer ticker.Stop()
	for number := int32(1); number <= messages; number++ {
		err := stream.Send(&faultv1.Heartbeat{Number: number, Remaining: messages - number})
		if err != nil {
			return err
		}
		if err := await(stream.Context(), ticker.C); err != nil {
			return err
		}
	}
	return status.Error(codes.Code(request.GetCode()), faultMessage(request))
}

func faultMessage(request *faultv1.StreamThenFailRequest) string {
	if request.GetMessage() != "" {
		return request.GetMessage()
	}
	return fmt.Sprintf("the demo server ended this stream with %s, as it was asked to", request.GetCode())
}
