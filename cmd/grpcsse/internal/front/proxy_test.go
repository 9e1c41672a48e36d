package front

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// binaryHeader returns a header of version 2 of the PROXY protocol.
func binaryHeader(t *testing.T, command proxyproto.ProtocolVersionAndCommand, source, destination net.Addr) string {
	t.Helper()
	header := proxyproto.HeaderProxyFromAddrs(2, source, destination)
	header.Command = command
	var text bytes.Buffer
	_, err := header.WriteTo(&text)
	require.NoError(t, err)
	return text.String()
}

// behindBalancer has a front read PROXY protocol headers, and answer each request with its remote address.
func behindBalancer(change func(*Front)) func(*Front) {
	return func(f *Front) {
		change(f)
		f.Server.ProxyProtocol = true
		f.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.RemoteAddr) })
	}
}

func TestTheAddressInAPROXYHeaderIsThatOfTheClient(t *testing.T) {
	four := &net.TCPAddr{IP: net.ParseIP("192.0.2.7"), Port: 4711}
	six := &net.TCPAddr{IP: net.ParseIP("2001:db8::7"), Port: 4711}
	local := &net.TCPAddr{IP: net.ParseIP("192.0.2.1"), Port: 80}
	eachKind(t, func(t *testing.T, p protocol, change func(*Front)) {
		r := start(t, behindBalancer(change))
		for name, tt := range map[string]struct{ header, want string }{
			"version 1":                {"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n", "192.0.2.7:4711"},
			"version 1, IPv6":          {"PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n", "[2001:db8::7]:4711"},
			"version 2":                {binaryHeader(t, proxyproto.PROXY, four, local), "192.0.2.7:4711"},
			"version 2, IPv6":          {binaryHeader(t, proxyproto.PROXY, six, six), "[2001:db8::7]:4711"},
			"a check by the balancer":  {binaryHeader(t, proxyproto.LOCAL, four, local), "127.0.0.1:"},
			"a client of unknown kind": {"PROXY UNKNOWN\r\n", "127.0.0.1:"},
		} {
			assert.Contains(t, textOf(t, r.get(t, r.client(t, p, tt.header), "/")), tt.want, name)
		}
	})
}

// A connection without a valid header would have the address of the balancer, or one that a client made up.
func TestAConnectionWithoutAValidPROXYHeaderIsClosed(t *testing.T) {
	r := start(t, behindBalancer(func(f *Front) { f.Server.HeaderTimeout = 300 * time.Millisecond }))
	const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, sent := range map[string]string{
		"no header":                  request,
		"HTTP/2":                     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"half a header":              "PROXY TCP4 192.0",
		"half a header of version 2": "\r\n\r\n\x00\r\nQU",
		"no address":                 "PROXY TCP4 somewhere 192.0.2.1 4711 80\r\n" + request,
		"an endless header":          "PROXY TCP4 " + strings.Repeat("1", 4000),
		"not TCP":                    "PROXY UDP4 192.0.2.7 192.0.2.1 4711 80\r\n" + request,
		"nothing":                    "",
	} {
		conn, err := net.Dial("tcp", r.address)
		require.NoError(t, err)
		_, err = io.WriteString(conn, sent)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
		text, err := io.ReadAll(conn)
		assert.Empty(t, string(text), name)
		assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "%s: the connection stays open", name)
		_ = conn.Close()
	}
	require.Eventually(t, func() bool {
		return strings.Contains(r.log.String(), "no valid PROXY protocol header, which server.proxy_protocol requires")
	}, patience, time.Millisecond)
	assert.LessOrEqual(t, strings.Count(r.log.String(), "PROXY"), serverLines, "a client cannot fill the log")
}

// The checks of a balancer open a connection and close it. They are no news.
func TestAConnectionThatClosesWithoutAWordIsNotLogged(t *testing.T) {
	r := start(t, behindBalancer(func(*Front) {}))
	for range 5 {
		conn, err := net.Dial("tcp", r.address)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	_ = textOf(t, r.get(t, r.client(t, http1, "PROXY UNKNOWN\r\n"), "/"))
	r.stop()
	<-r.done
	assert.NotContains(t, r.log.String(), "PROXY")
}
