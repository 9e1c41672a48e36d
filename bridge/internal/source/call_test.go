package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/grpcsse/grpcsse/bridge/internal/source"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

func TestAMessageIsValidUntilTheNextIsReceived(t *testing.T) {
	text := func(n int) string {
		if n%100 == 0 {
			return strings.Repeat("x", 100<<10) // larger than the buffers that are kept
		}
		return strings.Repeat(string(rune('a'+n%26)), n%300)
	}
	w := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		var e streamv1.Event // sent many times: after Send, the code may change the message
		for n := range 1000 {
			e.Sequence, e.Text = int64(n), text(n)
			if err := stream.Send(&e); err != nil {
				return err
			}
		}
		return nil
	}
	every(t, kinds(), w, func(t *testing.T, r rig) {
		stream := r.open(t.Context(), t)
		defer stream.Close()
		for n := range 1000 {
			wire, err := stream.Recv()
			require.NoError(t, err)
			synctest.Wait() // the code now waits for the reader
			var e streamv1.Event
			require.NoError(t, proto.Unmarshal(wire, &e))
			require.EqualValues(t, n, e.GetSequence())
			require.Equal(t, text(n), e.GetText())
		}
		_, err := stream.Recv()
		assert.Equal(t, io.EOF, err)
	})
}

func TestTheCodeOfASourceWaitsForItsReader(t *testing.T) {
	var sent atomic.Int64
	w := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for {
			if err := stream.Send(&streamv1.Event{}); err != nil {
				return err
			}
			sent.Add(1)
		}
	}
	every(t, kinds(), w, func(t *testing.T, r rig) {
		sent.Store(0)
		stream := r.open(t.Context(), t)
		defer stream.Close()
		for n := range 10 {
			synctest.Wait()
			require.EqualValues(t, n, sent.Load(), "Send returns when the reader has received the message")
			receive(t, stream)
		}
	})
}

func TestAStreamEndsAsItsCodeSays(t *testing.T) {
	detailed, err := status.New(codes.NotFound, "gone").WithDetails(&errdetails.ErrorInfo{Reason: "END"})
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		err     error
		code    codes.Code // OK means that Recv returns io.EOF
		message string
	}{
		"well":             {nil, codes.OK, ""},
		"with a status":    {status.Error(codes.ResourceExhausted, "too many"), codes.ResourceExhausted, "too many"},
		"with details":     {detailed.Err(), codes.NotFound, "gone"},
		"with a wrapped":   {fmt.Errorf("db: %w", status.Error(codes.Aborted, "conflict")), codes.Aborted, "conflict"},
		"with a plain":     {errors.New("disk full"), codes.Unknown, "disk full"},
		"with a deadline":  {fmt.Errorf("db: %w", context.DeadlineExceeded), codes.DeadlineExceeded, ""},
		"with a cancel":    {context.Canceled, codes.Canceled, ""},
		"with end of file": {fmt.Errorf("file: %w", io.EOF), codes.Unknown, "file: EOF"},
		"with a bare EOF":  {io.EOF, codes.Unknown, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			every(t, kinds(), count(2, tt.err), func(t *testing.T, r rig) {
				stream := r.open(t.Context(), t)
				defer stream.Close()
				assert.EqualValues(t, 1, receive(t, stream).GetSequence())
				assert.EqualValues(t, 2, receive(t, stream).GetSequence())
				for range 2 { // further calls return the same end
					_, err := stream.Recv()
					if tt.code == codes.OK {
						require.Equal(t, io.EOF, err)
						continue
					}
					st, ok := status.FromError(err)
					require.True(t, ok, "%v has no status", err)
					require.Equal(t, tt.code, st.Code(), "%v", err)
					require.ErrorContains(t, err, tt.message)
					if name == "with details" {
						require.Len(t, status.Convert(err).Details(), 1)
					}
				}
			})
		})
	}
}

func TestCodeThatReturnsNilAtItsDeadlineEndsWithDeadlineExceeded(t *testing.T) {
	silent := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		<-stream.Context().Done()
		return nil // not the error of the context
	}
	every(t, runsHere(), silent, func(t *testing.T, r rig) {
		for range 50 { // Recv takes the end of the code or that of the context, at random
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			stream := r.open(ctx, t)
			time.Sleep(2 * time.Minute)
			requireEnd(t, stream, codes.DeadlineExceeded, "")
			cancel()
		}
	})
}

func TestAStreamEndsWhenItsReaderLeaves(t *testing.T) {
	for name, w := range map[string]watch{
		"while the code waits": untilCancelled,
		"while the code sends": count(1<<40, nil),
	} {
		for how, leave := range map[string]func(source.Stream, context.CancelFunc){
			"by Close":       func(s source.Stream, _ context.CancelFunc) { s.Close() },
			"by its context": func(_ source.Stream, cancel context.CancelFunc) { cancel() },
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				var returned atomic.Int64
				counting := func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
					defer returned.Add(1)
					return w(r, stream)
				}
				every(t, kinds(), counting, func(t *testing.T, r rig) {
					returned.Store(0)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					stream := r.open(ctx, t)
					synctest.Wait()
					require.Zero(t, returned.Load())
					leave(stream, cancel)
					synctest.Wait()
					assert.EqualValues(t, 1, returned.Load(), "the deferred function ran")
					if how == "by its context" {
						requireEnd(t, stream, codes.Canceled, "")
					}
				})
			})
		}
	}
}

func TestTheReaderDoesNotWaitForCodeThatIgnoresItsContext(t *testing.T) {
	stubborn := func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error {
		time.Sleep(time.Hour)
		return nil
	}
	every(t, kinds(), stubborn, func(t *testing.T, r rig) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		stream := r.open(ctx, t)
		defer stream.Close()
		_, begun := stream.Header()
		assert.False(t, begun)
		requireEnd(t, stream, codes.DeadlineExceeded, "")
		assert.Equal(t, time.Minute, time.Since(began))
	})
}

func TestTheContextOfCodeEndsWhenTheCodeReturns(t *testing.T) {
	var given context.Context
	w := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		given = stream.Context() //nolint:fatcontext // the context of the code is what is tested
		return nil
	}
	every(t, runsHere(), w, func(t *testing.T, r rig) {
		_, err := r.open(t.Context(), t).Recv()
		require.Equal(t, io.EOF, err)
		synctest.Wait()
		assert.Equal(t, context.Canceled, given.Err(), "goroutines that the code has started learn of the end")
	})
}

func TestYieldReturnsFalseWhenTheReaderLeaves(t *testing.T) {
	refused := false
	w := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for stream.Send(&streamv1.Event{}) == nil {
		}
		refused = true
		return nil
	}
	every(t, runsHere(), w, func(t *testing.T, r rig) {
		refused = false
		stream := r.open(t.Context(), t)
		receive(t, stream)
		stream.Close()
		synctest.Wait()
		assert.True(t, refused)
	})
}

func TestMetadataGoesBothWays(t *testing.T) {
	w := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		if err := stream.SetHeader(metadata.Pairs("x-cursor", "7")); err != nil {
			return err
		}
		if err := stream.SendHeader(metadata.Pairs("x-raw-bin", "\x00\xff")); err != nil {
			return err
		}
		if stream.SendHeader(nil) == nil || stream.SetHeader(metadata.Pairs("x-late", "1")) == nil {
			return errors.New("a header was accepted after the header was sent")
		}
		return stream.Send(&streamv1.Event{Text: strings.Join(md.Get("x-user"), " ")})
	}
	every(t, kinds(), w, func(t *testing.T, r rig) {
		stream := r.open(t.Context(), t, "x-user", "ann")
		defer stream.Close()
		header, ok := stream.Header()
		require.True(t, ok)
		assert.Equal(t, metadata.Pairs("x-cursor", "7", "x-raw-bin", "\x00\xff"), header)
		assert.Equal(t, "ann", receive(t, stream).GetText())
		_, err := stream.Recv()
		assert.Equal(t, io.EOF, err)
	})
}

func TestWhichStreamsHaveAHeader(t *testing.T) {
	for name, tt := range map[string]struct {
		watch watch
		begun bool
	}{
		"with a message": {count(1, nil), true},
		"with a header that is sent": {func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
			if err := stream.SendHeader(nil); err != nil {
				return err
			}
			return untilCancelled(r, stream)
		}, true},
		"with a header that is set, at the end": {func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
			return stream.SetHeader(metadata.Pairs("x-cursor", "7"))
		}, true},
		"never, with an end":   {count(0, nil), false},
		"never, with an error": {count(0, status.Error(codes.NotFound, "")), false},
		"never, with silence":  {untilCancelled, false}, // the stream ends with the context of the reader
	} {
		t.Run(name, func(t *testing.T) {
			every(t, kinds(), tt.watch, func(t *testing.T, r rig) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				stream := r.open(ctx, t)
				defer stream.Close()
				_, begun := stream.Header()
				assert.Equal(t, tt.begun, begun)
			})
		})
	}
}

func TestAPanicEndsOneStreamOnly(t *testing.T) {
	w := func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		md, _ := metadata.FromIncomingContext(stream.Context())
		if err := stream.Send(&streamv1.Event{}); err != nil {
			return err
		}
		if len(md.Get("panic")) > 0 {
			panic("a value of the program")
		}
		return nil
	}
	every(t, runsHere(), w, func(t *testing.T, r rig) {
		well, badly := r.open(t.Context(), t), r.open(t.Context(), t, "panic", "1")
		receive(t, badly)
		requireEnd(t, badly, codes.Internal, "internal error")
		receive(t, well)
		_, err := well.Recv()
		assert.Equal(t, io.EOF, err)
		assert.Contains(t, r.log.String(), "a value of the program")
		assert.Contains(t, r.log.String(), "source="+watchMethod)
		assert.Contains(t, r.log.String(), "TestAPanicEndsOneStreamOnly", "the stack of the code that panicked")
	})
}

func TestTheRunnerWaitsForItsCode(t *testing.T) {
	var cleaned atomic.Bool
	w := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		<-stream.Context().Done()
		time.Sleep(time.Minute) // a slow clean-up
		cleaned.Store(true)
		return nil
	}
	every(t, runsHere(), w, func(t *testing.T, r rig) {
		cleaned.Store(false)
		stream := r.open(t.Context(), t)
		synctest.Wait()
		stream.Close()
		assert.False(t, cleaned.Load(), "Close of a stream does not wait")
		r.runner.Close()
		assert.True(t, cleaned.Load())
	})
}

func TestNoCodeBeginsAfterTheRunnerIsClosed(t *testing.T) {
	w := func(*streamv1.WatchRequest, grpc.ServerStreamingServer[streamv1.Event]) error {
		t.Error("the code ran")
		return nil
	}
	every(t, runsHere(), w, func(t *testing.T, r rig) {
		r.runner.Close()
		_, err := r.Open(t.Context(), watchMethod, nil, nil)
		assert.Equal(t, codes.Unavailable, status.Code(err))
	})
}

func TestCodeOfThisProcessSeesTheValuesOfTheReadersContext(t *testing.T) {
	type key struct{}
	w := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		value, _ := stream.Context().Value(key{}).(string)
		_, timed := stream.Context().Deadline()
		return stream.Send(&streamv1.Event{Text: fmt.Sprint(value, " ", timed)})
	}
	every(t, kinds(), w, func(t *testing.T, r rig) {
		require.True(t, r.UsesContextValues())
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "of the request"), time.Hour)
		defer cancel()
		stream := r.open(ctx, t)
		defer stream.Close()
		assert.Equal(t, "of the request true", receive(t, stream).GetText())
	})
	assert.False(t, source.GRPC(nil).UsesContextValues(), "a server in another process sees no values")
}

func TestCodeOfThisProcessKnowsItsMethodAndPeer(t *testing.T) {
	w := func(_ *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		method, _ := grpc.Method(stream.Context())
		p, ok := peer.FromContext(stream.Context())
		if !ok {
			return errors.New("no peer")
		}
		if err := grpc.SetTrailer(stream.Context(), metadata.Pairs("x", "1")); err != nil {
			return err
		}
		return stream.Send(&streamv1.Event{Text: method + " " + p.Addr.Network() + " " + p.Addr.String()})
	}
	every(t, runsHere(), w, func(t *testing.T, r rig) {
		stream := r.open(t.Context(), t)
		defer stream.Close()
		assert.Equal(t, watchMethod+" in-process in-process", receive(t, stream).GetText())
	})
}

func TestARequestThatCannotBeDecoded(t *testing.T) {
	every(t, kinds(), count(1, nil), func(t *testing.T, r rig) {
		stream, err := r.Open(t.Context(), watchMethod, []byte{0xff}, nil)
		if err == nil {
			defer stream.Close()
			_, err = stream.Recv()
		}
		assert.Equal(t, codes.Internal, status.Code(err))
		assert.ErrorContains(t, err, "the request cannot be decoded")
	})
}
