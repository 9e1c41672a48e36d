package natstest

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/cluster/internal/natsbus"
)

// A bucket that is full takes no further entry. The log says so once.
func TestAFullBucketIsLoggedOnce(t *testing.T) {
	s := startNATS(t, nil)
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "KV_grpcsse_test", Subjects: []string{"$KV.grpcsse_test.>"}, Storage: jetstream.MemoryStorage, MaxMsgsPerSubject: 1,
		MaxBytes: 2 << 10, Discard: jetstream.DiscardNew, DenyDelete: true, AllowRollup: true, AllowMsgTTL: true,
	})
	require.NoError(t, err)

	log := &text{}
	b, err := natsbus.Dial(clusterOf(t, s), slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	defer b.Close()
	connected(t, b)
	failed := 0
	for i := range 40 {
		if _, err := b.Create(ctx, fmt.Sprintf("key%d", i), make([]byte, 100)); err != nil {
			failed++
		}
	}
	assert.Greater(t, failed, 10)
	assert.Less(t, failed, 40)
	_, _, err = b.Get(ctx, "key0")
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(log.String(), "maximum bytes"), log.String())
	assert.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())
}
