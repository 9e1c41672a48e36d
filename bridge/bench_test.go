package bridge_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/grpcsse/grpcsse/bridge"
	"github.com/grpcsse/grpcsse/bridge/config"
	streamv1 "github.com/grpcsse/grpcsse/gen/test/stream/v1"
)

// roleVariable makes the test binary play the upstream or the client of a benchmark, each in a process of its own, so that
// the CPU time of the benchmark's process is that of the candidate alone.
const roleVariable = "GRPCSSE_BENCHMARK_ROLE"

// play runs a role until the process is ended from outside, and reports false where there is none.
func play() bool {
	switch role, argument, _ := strings.Cut(os.Getenv(roleVariable), " "); role {
	case "upstream":
		playUpstream()
	case "client":
		playClient(argument)
	case "narrow":
		playNarrow(argument)
	default:
		return false
	}
	return true
}

// playUpstream streams as many events as the request's count says, encoded once, as fast as they are taken.
func playUpstream() {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	encoded, err := proto.Marshal(&streamv1.Event{
		Sequence: 4711, Kind: "quote", Text: "AAPL traded at 189.5 on XNAS, up 1.25", Time: timestamppb.New(time.Unix(1767225600, 0)),
	})
	if err != nil {
		log.Fatal(err)
	}
	w := watch(func(r *streamv1.WatchRequest, stream grpc.ServerStreamingServer[streamv1.Event]) error {
		for range r.GetCount() {
			if err := stream.SendMsg(encoded); err != nil {
				return err
			}
		}
		return nil
	})
	s := &server{grpc: grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}))}
	s.watch.Store(&w)
	streamv1.RegisterStreamServiceServer(s.grpc, s)
	reflection.Register(s.grpc)
	fmt.Println(lis.Addr())
	_ = s.grpc.Serve(lis) // until the benchmark ends this process
}

// playClient reads a stream to its end, and prints how many blocks it had.
func playClient(url string) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	events, last, buf := 0, byte(0), make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(buf)
		for _, b := range buf[:n] {
			if b == '\n' && last == '\n' {
				events++
			}
			last = b
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(events)
}

// child starts the test binary in a role, and returns the first line that it prints.
func child(b *testing.B, role string) string {
	b.Helper()
	c := exec.CommandContext(b.Context(), os.Args[0])
	c.Env = append(os.Environ(), roleVariable+"="+role)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, c.Start())
	b.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(line)
}

// BenchmarkOneSubscriber is one client of a stream that flows as fast as it is taken, against a handler that is written by
// hand the usual way. cpu-ns/op is the CPU time of the candidate's process per event; the upstream and the client are other
// processes.
func BenchmarkOneSubscriber(b *testing.B) {
	addr := child(b, "upstream")
	for name, handler := range map[string]func(*testing.B, string) http.Handler{
		"bridge":      bridgeHandler,
		"handwritten": handwrittenHandler,
	} {
		b.Run(name, func(b *testing.B) {
			lis, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(b, err)
			web := &http.Server{Handler: handler(b, addr)}
			go func() { _ = web.Serve(lis) }()
			b.Cleanup(func() { _ = web.Close() })
			runtime.GC()
			b.ResetTimer()
			before := cpuTime(b)
			events := child(b, fmt.Sprintf("client http://%s/watch/x?count=%d", lis.Addr(), b.N))
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			want := b.N
			if name == "bridge" {
				want++ // the status
			}
			require.Equal(b, fmt.Sprint(want), events)
		})
	}
}

func bridgeHandler(b *testing.B, addr string) http.Handler {
	b.Helper()
	cfg, err := config.Parse("grpcsse.yaml", []byte(strings.ReplaceAll(routeFile("event: {id: sequence}"), "ADDR", addr)))
	require.NoError(b, err)
	handler, err := bridge.New(b.Context(), cfg)
	require.NoError(b, err)
	require.NoError(b, handler.Ready(b.Context()))
	b.Cleanup(func() { _ = handler.Close() })
	return handler
}

// handwrittenHandler is what a service does without a bridge: the generated client, protojson, a flush per event.
func handwrittenHandler(b *testing.B, addr string) http.Handler {
	b.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close() })
	client := streamv1.NewStreamServiceClient(conn)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream, err := client.Watch(r.Context(), &streamv1.WatchRequest{Count: uint32(parseInt(b, r.FormValue("count")))})
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		flusher := http.NewResponseController(w)
		for {
			e, err := stream.Recv()
			if err != nil {
				return
			}
			data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(e)
			if err != nil {
				return
			}
			var frame bytes.Buffer
			fmt.Fprintf(&frame, "id: %d\ndata: %s\n\n", e.GetSequence(), data)
			if _, err := w.Write(frame.Bytes()); err != nil {
				return
			}
			_ = flusher.Flush()
		}
	})
}

// cpuTime is the CPU time, user and system, that this process has taken, in nanoseconds.
func cpuTime(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}
