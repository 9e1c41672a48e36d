package natsbus

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// stuckServer speaks NATS until the client is connected, and reads nothing afterwards.
func stuckServer(t *testing.T) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	over := make(chan struct{})
	t.Cleanup(func() {
		close(over)
		_ = l.Close()
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Write([]byte("INFO {\"server_id\":\"s\",\"version\":\"2.11.0\",\"max_payload\":1048576,\"headers\":true,\"proto\":1}\r\n"))
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if strings.HasPrefix(lines.Text(), "PING") {
						_, _ = conn.Write([]byte("PONG\r\n"))
						break
					}
				}
				<-over
			}()
		}
	}()
	return "nats://" + l.Addr().String()
}

// A server that takes nothing holds nothing up for long: not the goroutine that publishes, and not the news that NATS is gone.
func TestAServerThatTakesNothingCountsAsLost(t *testing.T) {
	b, err := Dial(&config.Cluster{Name: "test", NATS: config.NATS{Servers: []string{stuckServer(t)}}}, nil)
	require.NoError(t, err)
	defer b.Close()
	lost := make(chan struct{}, 1)
	b.Watch(func(connected bool) {
		if !connected {
			select {
			case lost <- struct{}{}:
			default:
			}
		}
	})
	for len(lost) > 0 { // it may not have been connected at first
		<-lost
	}
	require.Eventually(t, b.conn.IsConnected, 5*time.Second, time.Millisecond)
	began := time.Now()
	page := make([]byte, 256<<10)
	for err == nil && time.Since(began) < 20*time.Second {
		err = b.Publish("ev.key", page)
	}
	require.Error(t, err)
	assert.Less(t, time.Since(began), 30*time.Second, "nats.go alone waits for a minute")
	select {
	case <-lost:
	case <-time.After(10 * time.Second):
		t.Error("the bus says that it is connected")
	}
}
