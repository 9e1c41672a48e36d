package pump

import (
	"crypto/tls"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
)

// carrier is a connection that another one carries.
type carrier struct{ net.Conn }

func (c carrier) NetConn() net.Conn { return c.Conn }

// selfish is a connection that claims to be carried by itself.
type selfish struct{ net.Conn }

func (s selfish) NetConn() net.Conn { return s }

func TestTheTCPConnectionThatCarriesOthersIsFound(t *testing.T) {
	tcp := new(net.TCPConn)
	for name, tt := range map[string]struct {
		conn net.Conn
		want *net.TCPConn
	}{
		"none":                           {nil, nil},
		"TCP":                            {tcp, tcp},
		"TLS":                            {tls.Server(tcp, nil), tcp},
		"a wrapper":                      {carrier{tcp}, tcp},
		"TLS over a wrapper":             {tls.Server(carrier{tcp}, nil), tcp},
		"a wrapper that hides":           {struct{ net.Conn }{tcp}, nil},
		"another network":                {carrier{new(net.UnixConn)}, nil},
		"a wrapper of none":              {carrier{}, nil},
		"a connection that names itself": {selfish{}, nil},
	} {
		assert.Same(t, tt.want, tcpOf(tt.conn), name)
	}
}
