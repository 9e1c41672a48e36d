package natstest

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/cluster"
	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/cluster/clustertest"
)

// text is a log that a test reads while it is written.
type text struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.Write(p)
}

func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.String()
}

// join has a member of a new process enter the key "key".
func join(t *testing.T, c *config.Cluster, up *clustertest.Upstream) (*clustertest.Member, *text) {
	t.Helper()
	log := &text{}
	part, err := cluster.Connect(c, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	m := clustertest.NewMember(part.Replica(), up)
	part.Enter("key", m)
	t.Cleanup(func() {
		m.Close()
		began := time.Now()
		part.Close()
		assert.Less(t, time.Since(began), patience, "Close is bounded")
	})
	return m, log
}

// Whatever is wrong with NATS, the replica reads for itself, and the log says once what is wrong.
func TestAReplicaWithoutNATSServesAlone(t *testing.T) {
	password := func(o *server.Options) { o.Username, o.Password = "bridge", "secret" }
	for name, tt := range map[string]struct {
		nats   func(*server.Options)
		change func(*testing.T, *server.Server, *config.Cluster)
		says   string
	}{
		"that cannot be reached": {nil, func(_ *testing.T, s *server.Server, _ *config.Cluster) { s.Shutdown() }, "what=NATS"},
		"that refuses it":        {password, nil, "Authorization Violation"},
		"that refuses its password": {password, func(t *testing.T, _ *server.Server, c *config.Cluster) {
			t.Helper()
			c.NATS.User, c.NATS.PasswordFile = "bridge", filepath.Join(t.TempDir(), "password")
			require.NoError(t, os.WriteFile(c.NATS.PasswordFile, []byte("wrong-password"), 0o600))
		}, "Authorization Violation"},
		"without JetStream": {func(o *server.Options) { o.JetStream = false }, nil, "start nats-server with JetStream"},
		"without room for the bucket": {
			func(o *server.Options) { o.JetStreamMaxMemory = 1 << 20 }, nil, "insufficient memory resources",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startNATS(t, tt.nats)
			c := clusterOf(t, s)
			c.Patience = 200 * time.Millisecond
			if tt.change != nil {
				tt.change(t, s, c)
			}
			up := clustertest.NewUpstream()
			m, log := join(t, c, up)
			require.Eventually(t, func() bool { return len(m.Calls()) > 0 && m.Calls()[0] == "alone" }, patience, time.Millisecond)
			require.Eventually(t, func() bool { return strings.Contains(log.String(), tt.says) }, patience, time.Millisecond, "%s", log)
			up.Send(3)
			require.Eventually(t, func() bool { return m.Newest() == 3 }, patience, time.Millisecond)
			assert.NotContains(t, log.String(), "wrong-password")
			assert.LessOrEqual(t, strings.Count(log.String(), "cannot be used"), 6, "%s", log)
		})
	}
}

// The user that docs/replicas.md describes may do what the bridges need.
func TestThePermissionsOfThePageAreEnough(t *testing.T) {
	page, err := os.ReadFile("../../../docs/replicas.md")
	require.NoError(t, err)
	both := []string{"grpcsse.prod.>", "_INBOX.>", "$KV.grpcsse_prod.>"}
	publish := []string{"$JS.API.INFO", "$JS.API.STREAM.*.KV_grpcsse_prod", "$JS.API.STREAM.MSG.GET.KV_grpcsse_prod"}
	for _, subject := range append(publish, both...) {
		assert.Contains(t, string(page), "`"+subject+"`")
	}
	s := startNATS(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "bridge", Password: "long-enough", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: append(publish, both...)},
			Subscribe: &server.SubjectPermission{Allow: both},
		}}}
	})
	up := clustertest.NewUpstream()
	var members []*clustertest.Member
	for range 2 {
		c := clusterOf(t, s)
		c.Name, c.SecretFile = "prod", secretOf(t, "prod")
		c.NATS.User, c.NATS.PasswordFile = "bridge", filepath.Join(t.TempDir(), "password")
		require.NoError(t, os.WriteFile(c.NATS.PasswordFile, []byte("long-enough"), 0o600))
		m, log := join(t, c, up)
		members = append(members, m)
		require.Eventually(t, func() bool { return len(m.Calls()) > 0 }, patience, time.Millisecond)
		assert.NotContains(t, log.String(), "cannot be used")
	}
	up.Send(3)
	for _, m := range members {
		require.Eventually(t, func() bool { return m.Newest() == 3 }, patience, time.Millisecond)
	}
	assert.Equal(t, 1, up.Readers())
}

// The bucket is deleted, and somebody else's messages come on the subjects of the cluster.
func TestForeignersOnNATS(t *testing.T) {
	s := startNATS(t, nil)
	up := clustertest.NewUpstream()
	var members []*clustertest.Member
	begin := func() {
		c := clusterOf(t, s)
		c.SecretFile = secretOf(t, "test")
		m, _ := join(t, c, up)
		members = append(members, m)
		require.Eventually(t, func() bool { return len(m.Calls()) > 0 }, patience, time.Millisecond)
	}
	begin()
	begin()
	conn, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	defer conn.Close()
	seen := map[string]bool{}
	var mu sync.Mutex
	_, err = conn.Subscribe("grpcsse.test.>", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		seen[m.Subject] = true
	})
	require.NoError(t, err)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	for n := 1; n <= 3; n++ {
		up.Send(1)
		for _, m := range members {
			require.Eventually(t, func() bool { return m.Newest() == n }, patience, time.Millisecond)
		}
		mu.Lock()
		for subject := range seen {
			for _, garbage := range []string{"", "hello", strings.Repeat("\xff", 1000), "gsc\x01\x00"} {
				require.NoError(t, conn.PublishRequest(subject, "_INBOX.nobody", []byte(garbage)))
			}
		}
		mu.Unlock()
	}
	assert.NotEmpty(t, seen)
	require.NoError(t, js.DeleteStream(t.Context(), "KV_grpcsse_test"))
	begin()
	up.Send(1)
	for _, m := range members {
		require.Eventually(t, func() bool { return m.Newest() == 4 }, patience, time.Millisecond)
	}
	require.Eventually(t, func() bool { return up.Readers() == 1 }, 2*patience, time.Millisecond, "one replica reads")
}
