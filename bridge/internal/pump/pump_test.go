package pump_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/grpcsse/grpcsse/bridge/internal/pump"
)

// recorder is a connection that remembers what was written to it.
type recorder struct{ writes []string }

func (r *recorder) Write(pieces ...[]byte) error {
	r.writes = append(r.writes, string(bytes.Join(pieces, nil)))
	return nil
}

func (r *recorder) Abort() {}

func (r *recorder) Taken() int { return 0 }

func TestRunSendsTheHeaderOfAFormatWithoutComments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		conn, ended := new(recorder), make(chan struct{})
		go func() {
			defer close(ended)
			pump.Run(ctx, conn, pump.NewQueue(1024), &pump.Settings{Heartbeat: time.Second}, nil)
		}()
		time.Sleep(time.Minute)
		cancel()
		<-ended
		assert.Equal(t, []string{""}, conn.writes, "one empty write, and no heartbeat")
	})
}
