package request

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// through returns a request that arrived on a connection from an address, with headers.
func through(remote string, header http.Header) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://bridge/watch", nil)
	r.RemoteAddr = remote
	for name, values := range header {
		r.Header[name] = values
	}
	return r
}

func TestTheAddressOfTheClient(t *testing.T) {
	trusted := NewProxies([]string{"10.0.0.0/8", "192.0.2.7", "fd00::/8", "::ffff:172.16.0.0/108"})
	const proxy = "10.0.0.1:4000"
	for name, tt := range map[string]struct {
		remote string
		header []string
		want   string
	}{
		"no proxy":                          {"203.0.113.5:80", nil, "203.0.113.5"},
		"IPv6":                              {"[2001:db8::5]:80", nil, "2001:db8::5"},
		"IPv6 with a zone":                  {"[fe80::5%eth0]:80", nil, "fe80::5"},
		"IPv4 in IPv6":                      {"[::ffff:203.0.113.5]:80", nil, "203.0.113.5"},
		"a Unix socket":                     {"@", []string{"203.0.113.5"}, ""},
		"no address":                        {"", []string{"203.0.113.5"}, ""},
		"a header of a stranger":            {"203.0.113.5:80", []string{"198.51.100.1"}, "203.0.113.5"},
		"a proxy":                           {proxy, []string{"203.0.113.5"}, "203.0.113.5"},
		"a proxy in IPv6":                   {"[fd00::1]:1", []string{"203.0.113.5"}, "203.0.113.5"},
		"a proxy with a zone":               {"[fd00::1%eth0]:1", []string{"203.0.113.5"}, "203.0.113.5"},
		"a proxy, IPv4 in IPv6":             {"[::ffff:10.0.0.1]:1", []string{"203.0.113.5"}, "203.0.113.5"},
		"a network, IPv4 in IPv6":           {"172.16.0.1:1", []string{"203.0.113.5"}, "203.0.113.5"},
		"a proxy, one address":              {"192.0.2.7:1", []string{"203.0.113.5"}, "203.0.113.5"},
		"a neighbour of the proxy":          {"192.0.2.8:1", []string{"203.0.113.5"}, "192.0.2.8"},
		"a proxy without the header":        {proxy, nil, "10.0.0.1"},
		"an empty header":                   {proxy, []string{""}, "10.0.0.1"},
		"blanks and commas":                 {proxy, []string{" , ,\t"}, "10.0.0.1"},
		"what the client sent":              {proxy, []string{"198.51.100.1, 203.0.113.5"}, "203.0.113.5"},
		"two proxies":                       {proxy, []string{"203.0.113.5, 10.0.0.2"}, "203.0.113.5"},
		"two proxies, and a forged one":     {proxy, []string{"10.9.9.9, 198.51.100.1, 203.0.113.5, 10.0.0.2"}, "203.0.113.5"},
		"forged as a proxy":                 {proxy, []string{"198.51.100.1, 10.0.0.2, 203.0.113.5"}, "203.0.113.5"},
		"only proxies":                      {proxy, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"several lines":                     {proxy, []string{"198.51.100.1", "203.0.113.5, 10.0.0.2"}, "203.0.113.5"},
		"several lines, one empty":          {proxy, []string{"203.0.113.5", "", "10.0.0.2"}, "203.0.113.5"},
		"without blanks":                    {proxy, []string{"198.51.100.1,203.0.113.5,10.0.0.2"}, "203.0.113.5"},
		"empty entries":                     {proxy, []string{"198.51.100.1, 203.0.113.5,, ,"}, "203.0.113.5"},
		"an entry with a port":              {proxy, []string{"203.0.113.5:1234"}, "203.0.113.5"},
		"IPv6 entry":                        {proxy, []string{"2001:db8::5"}, "2001:db8::5"},
		"IPv6 entry in brackets":            {proxy, []string{"[2001:db8::5]"}, "2001:db8::5"},
		"IPv6 entry with a port":            {proxy, []string{"[2001:db8::5]:1234"}, "2001:db8::5"},
		"IPv6 entry with a zone":            {proxy, []string{"fe80::5%eth0"}, "fe80::5"},
		"IPv6 entry, zone, brackets, port":  {proxy, []string{"[fe80::5%25eth0]:99"}, "fe80::5"},
		"an entry that is IPv4 in IPv6":     {proxy, []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		"a proxy that is IPv4 in IPv6":      {proxy, []string{"203.0.113.5, ::ffff:10.0.0.2"}, "203.0.113.5"},
		"unknown":                           {proxy, []string{"unknown"}, "10.0.0.1"},
		"unknown behind the second proxy":   {proxy, []string{"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		"an obfuscated name":                {proxy, []string{"_hidden"}, "10.0.0.1"},
		"a host name":                       {proxy, []string{"client.example"}, "10.0.0.1"},
		"brackets around IPv4":              {proxy, []string{"[203.0.113.5]"}, "10.0.0.1"},
		"an open bracket":                   {proxy, []string{"[2001:db8::5"}, "10.0.0.1"},
		"quotes":                            {proxy, []string{`"203.0.113.5"`}, "10.0.0.1"},
		"leading zeros":                     {proxy, []string{"203.000.113.005"}, "10.0.0.1"},
		"a short form of IPv4":              {proxy, []string{"127.1"}, "10.0.0.1"},
		"a network":                         {proxy, []string{"203.0.113.0/24"}, "10.0.0.1"},
		"the form of the header Forwarded":  {proxy, []string{"for=203.0.113.5"}, "10.0.0.1"},
		"a port that is none":               {proxy, []string{"203.0.113.5:port"}, "10.0.0.1"},
		"two addresses without a comma":     {proxy, []string{"203.0.113.5 203.0.113.6"}, "10.0.0.1"},
		"a NUL":                             {proxy, []string{"203.0.113.5\x00"}, "10.0.0.1"},
		"a forged address, then no address": {proxy, []string{"198.51.100.1, nonsense"}, "10.0.0.1"},
	} {
		got := NewBehind(trusted, through(tt.remote, http.Header{"X-Forwarded-For": tt.header})).Client
		if tt.want == "" {
			assert.False(t, got.IsValid(), name)
			continue
		}
		assert.Equal(t, netip.MustParseAddr(tt.want), got, name)
	}
}

func TestWithoutTrustedProxiesNoHeaderIsBelieved(t *testing.T) {
	header := http.Header{
		"X-Forwarded-For": {"198.51.100.1"}, "X-Forwarded-Host": {"other"}, "X-Forwarded-Proto": {"https"},
		"Forwarded": {"for=198.51.100.1;host=other;proto=https"}, "X-Real-Ip": {"198.51.100.1"},
	}
	for name, trusted := range map[string]Proxies{
		"none": {}, "others": NewProxies([]string{"10.0.0.0/8"}), "no networks": NewProxies([]string{"", "proxy", "10.0.0.0/99"}),
	} {
		r := NewBehind(trusted, through("203.0.113.5:80", header))
		assert.Equal(t, "203.0.113.5", r.Client.String(), name)
		assert.Equal(t, "bridge", r.Host(), name)
		assert.Empty(t, r.origin.scheme, name)
	}
}

func TestTheHostAndTheSchemeThatATrustedProxyTells(t *testing.T) {
	trusted := NewProxies([]string{"10.0.0.0/8"})
	for name, tt := range map[string]struct {
		remote          string
		tls             bool
		fors            []string
		hosts, protos   []string
		host, by, shape string
	}{
		"no headers":                  {host: "bridge", by: "Host"},
		"TLS":                         {tls: true, host: "bridge", by: "Host", shape: "https"},
		"both":                        {hosts: []string{"app.example"}, protos: []string{"https"}, host: "app.example", by: forwardedHost, shape: "https"},
		"in capital letters":          {protos: []string{"HTTPS"}, host: "bridge", by: "Host", shape: "https"},
		"plain http":                  {protos: []string{"http"}, host: "bridge", by: "Host", shape: "http"},
		"TLS between proxy and us":    {tls: true, protos: []string{"http"}, host: "bridge", by: "Host", shape: "http"},
		"another scheme":              {tls: true, protos: []string{"ws"}, host: "bridge", by: "Host", shape: "https"},
		"empty":                       {hosts: []string{""}, protos: []string{" "}, host: "bridge", by: "Host"},
		"a port":                      {hosts: []string{"app.example:8443"}, host: "app.example:8443", by: forwardedHost},
		"the client's own in front":   {hosts: []string{"evil.example, app.example"}, host: "app.example", by: forwardedHost},
		"the client's own line":       {hosts: []string{"evil.example", "app.example"}, host: "app.example", by: forwardedHost},
		"two proxies that append":     {fors: []string{"203.0.113.5, 10.0.0.2"}, hosts: []string{"evil, app.example, inner"}, protos: []string{"https, http"}, host: "app.example", by: forwardedHost, shape: "https"},
		"two proxies, one writes":     {fors: []string{"203.0.113.5, 10.0.0.2"}, hosts: []string{"app.example"}, host: "app.example", by: forwardedHost},
		"a stranger":                  {remote: "203.0.113.5:1", hosts: []string{"app.example"}, protos: []string{"https"}, host: "bridge", by: "Host"},
		"a stranger names our proxy":  {remote: "203.0.113.5:1", fors: []string{"10.0.0.1"}, hosts: []string{"app.example"}, host: "bridge", by: "Host"},
		"a proxy that says no client": {fors: []string{"unknown"}, hosts: []string{"app.example"}, host: "app.example", by: forwardedHost},
	} {
		if tt.remote == "" {
			tt.remote = "10.0.0.1:1"
		}
		hr := through(tt.remote, http.Header{"X-Forwarded-For": tt.fors, "X-Forwarded-Host": tt.hosts, "X-Forwarded-Proto": tt.protos})
		if tt.tls {
			hr.TLS = &tls.ConnectionState{}
		}
		r := NewBehind(trusted, hr)
		assert.Equal(t, tt.host, r.Host(), name)
		assert.Equal(t, tt.by, r.origin.byHost, name)
		assert.Equal(t, tt.shape, r.origin.scheme, name)
	}
}

func TestAPageBehindATrustedProxyIsOfTheSameOrigin(t *testing.T) {
	trusted := NewProxies([]string{"10.0.0.1"})
	for name, tt := range map[string]struct {
		remote, origin, host, proto, why string
	}{
		"a proxy that rewrites Host":          {"10.0.0.1:1", "https://app.example", "app.example", "https", ""},
		"a proxy that tells no scheme":        {"10.0.0.1:1", "https://app.example", "app.example", "", ""},
		"a page without TLS":                  {"10.0.0.1:1", "http://app.example", "app.example", "https", "X-Forwarded-Host is \"app.example\""},
		"a page with TLS asks without":        {"10.0.0.1:1", "https://app.example", "app.example", "http", "X-Forwarded-Host is \"app.example\""},
		"another page":                        {"10.0.0.1:1", "https://other.example", "app.example", "https", "`server.trusted_proxies`"},
		"a page of the proxy's inner name":    {"10.0.0.1:1", "https://bridge", "app.example", "https", "X-Forwarded-Host is \"app.example\""},
		"a stranger says what suits":          {"203.0.113.5:1", "https://evil.example", "evil.example", "https", "the header Host is \"bridge\""},
		"a stranger beside the proxy":         {"10.0.0.2:1", "https://evil.example", "evil.example", "https", "the header Host is \"bridge\""},
		"a proxy that says nothing of a host": {"10.0.0.1:1", "http://bridge", "", "", ""},
	} {
		header := http.Header{"Origin": {tt.origin}, "X-Forwarded-Host": {tt.host}, "X-Forwarded-Proto": {tt.proto}}
		got := NewBehind(trusted, through(tt.remote, header)).Foreign()
		if tt.why == "" {
			assert.Empty(t, got, name)
		} else {
			assert.Contains(t, got, tt.why, name)
		}
	}
}

// Whatever a client puts in front, the address that the outermost trusted proxy saw is the client.
func TestNothingThatAClientSendsChangesItsAddress(t *testing.T) {
	trusted := NewProxies([]string{"10.0.0.0/8", "fd00::/8"})
	entry := rapid.OneOf(
		rapid.SampledFrom([]string{"10.0.0.1", "fd00::9", "203.0.113.9", "[fd00::1]:1", "unknown", "", ",", "::ffff:10.0.0.1", "10.0.0.1:1"}),
		rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) {
		client := rapid.SampledFrom([]string{"203.0.113.5", "2001:db8::5", "192.0.2.1"}).Draw(t, "client")
		forged := rapid.SliceOfN(entry, 0, 5).Draw(t, "forged")
		proxies := rapid.SliceOfN(rapid.SampledFrom([]string{"10.0.0.1", "fd00::1", "10.255.0.1"}), 0, 3).Draw(t, "proxies")
		lines := append([]string{}, forged...)
		seen := append([]string{client}, proxies...)
		if rapid.Bool().Draw(t, "one line") {
			lines = []string{strings.Join(append(lines, seen...), ", ")}
		} else {
			lines = append(lines, seen...)
		}
		r := NewBehind(trusted, through("10.1.1.1:80", http.Header{"X-Forwarded-For": lines}))
		if r.Client != netip.MustParseAddr(client) {
			t.Fatalf("%q gives %s, expected %s", lines, r.Client, client)
		}
	})
}

// FuzzForwarded states that the address is one that stands in the header or is that of the connection, in one form, and that a
// client that is no trusted proxy is the first one from the right.
func FuzzForwarded(f *testing.F) {
	f.Add("10.0.0.1:1", "203.0.113.5, 10.0.0.2", "app.example", "https")
	f.Add("[fd00::1%eth0]:1", "[2001:db8::1]:4711", "a, b", "http,https")
	f.Add("203.0.113.5:1", "unknown, ::ffff:1.2.3.4, ,", "", "")
	f.Add("@", "1.2.3.4", "x", "https")
	trusted := NewProxies([]string{"10.0.0.0/8", "fd00::/8"})
	f.Fuzz(func(t *testing.T, remote, fors, host, proto string) {
		r := NewBehind(trusted, through(remote, http.Header{
			"X-Forwarded-For": {fors}, "X-Forwarded-Host": {host}, "X-Forwarded-Proto": {proto},
		}))
		if !r.Client.IsValid() {
			require.Equal(t, "bridge", r.Host())
			return
		}
		require.Empty(t, r.Client.Zone())
		require.False(t, r.Client.Is4In6())
		peer, err := netip.ParseAddrPort(remote)
		require.NoError(t, err, "a client without a connection's address: %q", remote)
		if !trusted.trusts(plain(peer.Addr())) {
			require.Equal(t, plain(peer.Addr()), r.Client)
			require.Equal(t, "bridge", r.Host())
			require.Empty(t, r.origin.scheme)
		}
	})
}
