package schema

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

// The two versions of the reflection service. Their messages are the same on the wire.
const (
	methodV1      = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	methodV1Alpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
)

// asker sends questions to the reflection service of a server, one at a time, on one stream as long as that lasts. One
// goroutine uses it.
type asker struct {
	conn   grpc.ClientConnInterface
	budget budget
	method string          // the method of the version that the server has
	dotted map[string]bool // services whose names the server writes with a dot at the beginning

	stream grpc.ClientStream // nil while no stream is open
	cancel context.CancelFunc
	used   bool // the stream has had an answer
}

func newAsker(conn grpc.ClientConnInterface, limits limits) *asker {
	return &asker{conn: conn, budget: budget{limits: limits}, method: methodV1, dotted: map[string]bool{}}
}

// streamError is a failure of the stream, and not an error in an answer. It keeps the gRPC status.
type streamError struct{ err error }

func (e *streamError) Error() string { return e.err.Error() }
func (e *streamError) Unwrap() error { return e.err }

// GRPCStatus returns the status of the stream.
func (e *streamError) GRPCStatus() *status.Status { return status.Convert(e.err) }

// preventsFurther reports whether the error of one question means that further questions would fail too. That is so for a
// limit, and for a stream that ended for a reason other than the question.
func preventsFurther(err error) bool {
	if limit := (*limitError)(nil); errors.As(err, &limit) {
		return true
	}
	if stream := (*streamError)(nil); !errors.As(err, &stream) {
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled,
		codes.Unimplemented, codes.Unauthenticated, codes.PermissionDenied:
		return true
	}
	return false
}

// notReached reports whether the server could not be reached or did not answer in time.
func notReached(err error) bool {
	if stream := (*streamError)(nil); !errors.As(err, &stream) {
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return true
	}
	return false
}

// list asks for the names of all services. It uses v1, or v1alpha where the server refuses v1 with any code: old servers, and
// proxies that know only v1alpha, refuse v1 with many different codes.
func (a *asker) list(ctx context.Context) ([]string, error) {
	names, err := a.listBy(ctx, methodV1)
	if err == nil || notReached(err) || ctx.Err() != nil {
		return names, err
	}
	if limit := (*limitError)(nil); errors.As(err, &limit) {
		return nil, err
	}
	names, second := a.listBy(ctx, methodV1Alpha)
	switch {
	case second == nil:
		return names, nil
	case notReached(second), status.Code(err) == codes.Unimplemented && status.Code(second) != codes.Unimplemented:
		return nil, second
	}
	return nil, &refusedError{first: err, second: second}
}

func (a *asker) listBy(ctx context.Context, method string) ([]string, error) {
	a.closeStream()
	a.method = method
	answer, err := a.ask(ctx, &reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{ListServices: "*"},
	})
	if err != nil {
		return nil, err
	}
	list := answer.GetListServicesResponse()
	if list == nil {
		return nil, status.Error(codes.Unknown, "expected a ListServiceResponse, found another answer")
	}
	names := make([]string, len(list.GetService()))
	for i, service := range list.GetService() {
		// Node.js servers write a dot before the name of a service without a package, and know the service only by that name.
		name, dotted := strings.CutPrefix(service.GetName(), ".")
		if dotted {
			a.dotted[name] = true
		}
		names[i] = name
	}
	return names, nil
}

// refusedError is the error for a server that refuses both versions.
type refusedError struct{ first, second error }

func (e *refusedError) Error() string { return e.first.Error() }
func (e *refusedError) Unwrap() error { return e.first }

// GRPCStatus returns the status of the newer version.
func (e *refusedError) GRPCStatus() *status.Status { return status.Convert(e.first) }

// files asks for files. The error is a *streamError only where the stream failed, and not where the answer is an error.
func (a *asker) files(ctx context.Context, question *reflectionv1.ServerReflectionRequest) ([][]byte, error) {
	answer, err := a.ask(ctx, question)
	if err != nil {
		return nil, err
	}
	files := answer.GetFileDescriptorResponse()
	if files == nil {
		return nil, status.Error(codes.Unknown, "expected a FileDescriptorResponse, found another answer")
	}
	return files.GetFileDescriptorProto(), nil
}

// ask sends a question and returns the answer. A server may end a stream after any answer, so ask replaces a stream that fails
// after an answer once.
func (a *asker) ask(
	ctx context.Context, question *reflectionv1.ServerReflectionRequest,
) (*reflectionv1.ServerReflectionResponse, error) {
	if err := a.budget.check(); err != nil {
		return nil, err
	}
	used := a.used
	answer, err := a.exchange(ctx, question)
	if err != nil {
		a.closeStream()
		if used && ctx.Err() == nil {
			if answer, err = a.exchange(ctx, question); err != nil {
				a.closeStream()
			}
		}
	}
	if err != nil {
		return nil, &streamError{err}
	}
	a.used = true
	if err := a.budget.count(answer); err != nil {
		return nil, err
	}
	if refusal := answer.GetErrorResponse(); refusal != nil {
		code := codes.Code(refusal.GetErrorCode()) //nolint:gosec // an unknown code stays an unknown code
		if code == codes.OK {
			code = codes.Unknown // the answer is an error, whatever its code says
		}
		return nil, status.Error(code, refusal.GetErrorMessage())
	}
	return answer, nil
}

func (a *asker) exchange(
	ctx context.Context, question *reflectionv1.ServerReflectionRequest,
) (*reflectionv1.ServerReflectionResponse, error) {
	if err := a.open(ctx); err != nil {
		return nil, err
	}
	// io.EOF means that the stream has ended: RecvMsg returns the reason.
	if err := a.stream.SendMsg(question); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	answer := new(reflectionv1.ServerReflectionResponse)
	err := a.stream.RecvMsg(answer)
	if errors.Is(err, io.EOF) {
		return nil, status.Error(codes.Unknown, "the server ended the stream without an answer")
	}
	return answer, err
}

func (a *asker) open(ctx context.Context) error {
	if a.stream != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	desc := &grpc.StreamDesc{StreamName: "ServerReflectionInfo", ServerStreams: true, ClientStreams: true}
	stream, err := a.conn.NewStream(ctx, desc, a.method, grpc.MaxCallRecvMsgSize(a.budget.limits.bytes))
	if err != nil {
		cancel()
		return err
	}
	a.stream, a.cancel, a.used = stream, cancel, false
	return nil
}

// closeStream ends the stream, if one is open. The next question opens another one.
func (a *asker) closeStream() {
	if a.stream != nil {
		a.cancel()
		a.stream, a.cancel, a.used = nil, nil, false
	}
}

func bySymbol(name string) *reflectionv1.ServerReflectionRequest {
	return &reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
	}
}

func byFilename(path string) *reflectionv1.ServerReflectionRequest {
	return &reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileByFilename{FileByFilename: path},
	}
}

func byExtension(message string, number int32) *reflectionv1.ServerReflectionRequest {
	return &reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingExtension{
			FileContainingExtension: &reflectionv1.ExtensionRequest{ContainingType: message, ExtensionNumber: number},
		},
	}
}

// explainReflection returns an error that says what the user can do. It wraps err.
func explainReflection(err error) error {
	s, ok := status.FromError(err)
	if !ok {
		return fmt.Errorf("schema by reflection: %w", err)
	}
	said := strings.TrimSpace(s.Message())
	const instead = "or give the schema with --descriptor-set or --proto (schema.descriptor_set or schema.proto in the file)"
	text := ""
	switch s.Code() {
	case codes.Unimplemented:
		return &reflectionError{
			err, "the server has no reflection (neither grpc.reflection.v1 nor v1alpha): enable it there, " + instead,
		}
	case codes.Unavailable:
		return &reflectionError{err, "the server cannot be reached: " + said}
	case codes.DeadlineExceeded:
		return &reflectionError{err, fmt.Sprintf("the server gave no full answer within %v: %s", reflectionTimeout, said)}
	case codes.Unauthenticated, codes.PermissionDenied:
		text = fmt.Sprintf("the server refuses it (%s): send credentials with the upstream's metadata, %s", said, instead)
	default:
		text = fmt.Sprintf("the server answers %v: %s", s.Code(), said)
	}
	if both := (*refusedError)(nil); errors.As(err, &both) {
		text += fmt.Sprintf(" (that was grpc.reflection.v1; v1alpha: %v: %s)",
			status.Code(both.second), strings.TrimSpace(status.Convert(both.second).Message()))
	}
	return &reflectionError{err, text}
}

// reflectionError is an error of gRPC with a text for people.
type reflectionError struct {
	err  error
	text string
}

func (e *reflectionError) Error() string { return "schema by reflection: " + e.text }
func (e *reflectionError) Unwrap() error { return e.err }
