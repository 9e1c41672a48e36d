package serve

import (
	"crypto/tls"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/frame"
	"github.com/grpcsse/grpcsse/bridge/internal/pump"
	"github.com/grpcsse/grpcsse/bridge/internal/request"
)

// leading is a wrapper that names its TCP connection.
type leading struct{ wrapper }

func (l *leading) NetConn() net.Conn { return l.tcp }

// A wrapper need not name its TCP connection before it hands that over.
func TestAParkedConnectionHasTheBoundsOfItsRoute(t *testing.T) {
	for name, over := range map[string]func(*net.TCPConn) net.Conn{
		"TCP":                    func(c *net.TCPConn) net.Conn { return c },
		"a carrier":              func(c *net.TCPConn) net.Conn { return &pump.Carrier{Conn: c} },
		"a wrapper":              func(c *net.TCPConn) net.Conn { return &wrapper{tcp: c} },
		"a wrapper that leads":   func(c *net.TCPConn) net.Conn { return &leading{wrapper{tcp: c}} },
		"a carrier of a wrapper": func(c *net.TCPConn) net.Conn { return &pump.Carrier{Conn: &wrapper{tcp: c}} },
		"TLS on a carrier": func(c *net.TCPConn) net.Conn {
			return tls.Server(&pump.Carrier{Conn: c}, &tls.Config{}) //nolint:gosec // no client comes
		},
		"TLS on a carrier of a wrapper": func(c *net.TCPConn) net.Conn {
			return tls.Server(&pump.Carrier{Conn: &wrapper{tcp: c}}, &tls.Config{}) //nolint:gosec // no client comes
		},
		"a carrier of one that leads": func(c *net.TCPConn) net.Conn {
			return &pump.Carrier{Conn: &leading{wrapper{tcp: c}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, conn := rigThatParks(t)
			tcp := conn.(*net.TCPConn)
			same, err := tcp.File() // a descriptor of the same socket: the bridge closes the connection
			require.NoError(t, err)
			defer func() { _ = same.Close() }()
			require.Nil(t, r.drain.enter(0))
			r.drain.admitted.Done()
			rt := routeTo(t, silent, func(c *config.Route) { c.SendBuffer, c.WriteTimeout = 33<<10, 7*time.Second })
			s := &visit{handler: r.Handler, rt: rt, sub: &place{}, control: pump.Control{Began: time.Now()}}
			settings := r.settingsFor(s.rt, frame.Form{Chunked: true}, request.EventStream, false)
			s.park(&hijackable{recorder: recorder{httptest.NewRecorder()}, conn: over(tcp)}, nil, settings)
			raw, err := same.SyscallConn()
			require.NoError(t, err)
			for option, want := range map[int]int{unix.TCP_NOTSENT_LOWAT: 33 << 10, unix.TCP_USER_TIMEOUT: 7000} {
				require.NoError(t, raw.Control(func(fd uintptr) {
					got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, option)
					assert.NoError(t, err)
					assert.Equal(t, want, got)
				}))
			}
			r.close()
			requireIdle(t, r)
		})
	}
}
