package pump

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/internal/frame"
)

// These benchmarks are of private streams, over each kind of connection, to a reader in this process.

func benchmarkKinds(b *testing.B, run func(b *testing.B, s *site, q *Queue)) {
	start := map[string]func(*testing.B) *site{
		"run": func(b *testing.B) *site {
			return newSite(b, false, func(s *site, w http.ResponseWriter, r *http.Request) {
				s.outcomes <- Run(r.Context(), NewHTTPConn(w, s.settings.WriteTimeout), s.cursor(), &s.settings, nil)
			})
		},
		"parked":      func(b *testing.B) *site { return newParkingSite(b, false, Writing{}) },
		"parked, TLS": func(b *testing.B) *site { return newParkingSite(b, true, Writing{}) },
	}
	for _, kind := range []string{"run", "parked", "parked, TLS"} {
		b.Run(kind, func(b *testing.B) {
			s, q := start[kind](b), NewQueue(64<<10)
			s.cursor = func() Cursor { return q }
			run(b, s, q)
		})
	}
}

// BenchmarkLoneEvent measures the time from the push of an event to its reading.
func BenchmarkLoneEvent(b *testing.B) {
	benchmarkKinds(b, func(b *testing.B, s *site, q *Queue) {
		v, event := s.visit(b, 0), s.piece(string(stamped()))
		got := make([]byte, stampedSize)
		_, err := io.ReadFull(v.body, got[:len(s.settings.Comment)])
		require.NoError(b, err)
		for b.Loop() {
			require.NoError(b, q.Push(b.Context(), frame.Form{}, event))
			_, err := io.ReadFull(v.body, got)
			require.NoError(b, err)
		}
		q.End(End{Ending: because("")})
		<-s.outcomes
	})
}

// BenchmarkSaturated pushes events as fast as they are taken. Making the events costs nothing.
func BenchmarkSaturated(b *testing.B) {
	benchmarkKinds(b, func(b *testing.B, s *site, q *Queue) {
		v, event := s.visit(b, 0), s.piece(string(stamped()))
		read := make(chan error, 1)
		go func() {
			_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, v.TCPConn, make([]byte, 64<<10))
			read <- err
		}()
		before := cpu(b)
		for b.Loop() {
			require.NoError(b, q.Push(b.Context(), frame.Form{}, event))
		}
		q.End(End{Ending: because("")})
		<-s.outcomes
		b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/event")
		v.Close()
		<-read
	})
}
