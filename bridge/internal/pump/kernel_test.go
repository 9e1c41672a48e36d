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
	own := &Carrier{Conn: carrier{tcp}}
	for name, tt := range map[string]struct {
		conn    net.Conn
		want    *net.TCPConn
		carrier *Carrier
	}{
		"none":                           {nil, nil, nil},
		"TCP":                            {tcp, tcp, nil},
		"TLS":                            {tls.Server(tcp, nil), tcp, nil},
		"a wrapper":                      {carrier{tcp}, tcp, nil},
		"TLS over a wrapper":             {tls.Server(carrier{tcp}, nil), tcp, nil},
		"a carrier":                      {own, tcp, own},
		"TLS over a carrier":             {tls.Server(own, nil), tcp, own},
		"a wrapper that hides":           {struct{ net.Conn }{tcp}, nil, nil},
		"another network":                {carrier{new(net.UnixConn)}, nil, nil},
		"another network over a carrier": {&Carrier{Conn: new(net.UnixConn)}, nil, nil},
		"a wrapper of none":              {carrier{}, nil, nil},
		"a connection that names itself": {selfish{}, nil, nil},
	} {
		got, gotCarrier := carriedBy(tt.conn)
		assert.Same(t, tt.want, got, name)
		assert.Same(t, tt.carrier, gotCarrier, name)
	}
}
