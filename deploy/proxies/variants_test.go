package proxies_test

import (
	"testing"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

// proxy is one of the programs, with its configuration.
type proxy struct {
	name                   string
	program, debianPackage string
	file                   string   // its configuration, in this folder
	edits                  []edit   // what is changed in the configuration
	idle                   []string // what the configuration says of the time without a byte, with %s for the time
	start                  func(t *testing.T, program, dir, text string)

	tls   bool   // browsers use TLS
	tcp   bool   // the proxy passes TCP through, and names the browser by the PROXY protocol
	inner string // the version of HTTP that the bridge is spoken to in
}

// edit is a change of a configuration. In instead, ${port} is the port for browsers, and ${certificate}, ${key} and ${both} are files.
type edit struct{ documented, instead string }

// documentedIdle is the time without a byte in all configurations.
const documentedIdle = "60s"

// scheme is that of the browsers' URLs, and other is the other one.
func (p proxy) scheme() (scheme, other string) {
	if p.tls {
		return "https", "http"
	}
	return "http", "https"
}

// port puts the port for browsers into a configuration.
func port() []edit { return []edit{{":8080", ":${port}"}} }

// httpProxies are those that speak HTTP with the bridge: with the configurations as they are, and with the changes for TLS and for
// HTTP/2 that their comments describe.
func httpProxies() []proxy {
	nginx := proxy{
		name: "nginx", program: "nginx", debianPackage: "nginx-light", file: "nginx.conf",
		edits: port(), idle: []string{"proxy_read_timeout %s;"}, start: startNginx, inner: "HTTP/1.1",
	}
	haproxy := proxy{
		name: "haproxy", program: "haproxy", debianPackage: "haproxy", file: "haproxy.cfg",
		edits: port(), idle: []string{"timeout server %s\n"}, start: startHAProxy, inner: "HTTP/1.1",
	}
	caddy := proxy{
		name: "caddy", program: "caddy", debianPackage: "caddy", file: "Caddyfile",
		edits: port(), idle: []string{"\tread_timeout %s\n"}, start: startCaddy, inner: "HTTP/1.1",
	}
	nginxTLS, haproxyTLS, caddyTLS := nginx, haproxy, caddy
	nginxTLS.name, nginxTLS.tls = "nginx with TLS", true
	nginxTLS.edits = []edit{
		{"    listen 127.0.0.1:8080;\n", ""},
		{"#listen 443 ssl http2;", "listen 127.0.0.1:${port} ssl http2;"},
		{"#ssl_certificate     /etc/nginx/tls.crt;", "ssl_certificate ${certificate};"},
		{"#ssl_certificate_key /etc/nginx/tls.key;", "ssl_certificate_key ${key};"},
	}
	haproxyTLS.name, haproxyTLS.tls, haproxyTLS.inner = "haproxy with TLS, HTTP-2 to the bridge", true, "HTTP/2.0"
	haproxyTLS.edits = []edit{
		{"    bind 127.0.0.1:8080\n", ""},
		{"#bind :443 ssl crt /etc/haproxy/tls.pem alpn h2,http/1.1", "bind 127.0.0.1:${port} ssl crt ${both} alpn h2,http/1.1"},
		{"127.0.0.1:8081", "127.0.0.1:8081 proto h2"},
		{"127.0.0.1:8082", "127.0.0.1:8082 proto h2"},
	}
	caddyTLS.name, caddyTLS.tls, caddyTLS.inner = "caddy with TLS, HTTP-2 to the bridge", true, "HTTP/2.0"
	caddyTLS.edits = []edit{
		{"http://:8080 {\n", "https://" + local.Name + ":${port} {\n\ttls ${certificate} ${key}\n"},
		{"#versions h2c", "versions h2c"},
	}
	return []proxy{nginx, haproxy, caddy, nginxTLS, haproxyTLS, caddyTLS}
}

// hashingProxies are those that can choose the bridge by the path, with the changes for it that their comments describe.
func hashingProxies() (hashing []proxy) {
	for _, p := range httpProxies() {
		switch p.file {
		case "nginx.conf":
			p.edits = append(p.edits, edit{"    #hash ", "    hash "})
		case "haproxy.cfg":
			p.edits = append(p.edits, edit{"    balance leastconn\n", ""},
				edit{"#balance uri", "balance uri"}, edit{"#hash-type consistent", "hash-type consistent"})
		case "Caddyfile":
			p.edits = append(p.edits, edit{"\t\tlb_policy least_conn\n", ""}, edit{"#lb_policy uri_hash", "lb_policy uri_hash"})
		}
		hashing = append(hashing, p)
	}
	return hashing
}

// tcpProxies are those that pass TCP through, so that the bridge has the TLS.
func tcpProxies() []proxy {
	return []proxy{
		{
			name: "nginx for TCP", program: "nginx", debianPackage: "nginx-light", file: "nginx-stream.conf",
			edits: port(), idle: []string{"proxy_timeout %s;"}, start: startNginxStream, tls: true, tcp: true, inner: "HTTP/2.0",
		},
		{
			name: "haproxy for TCP", program: "haproxy", debianPackage: "haproxy", file: "haproxy-tcp.cfg",
			edits: port(), idle: []string{"timeout client %s\n", "timeout server %s\n"}, start: startHAProxy,
			tls: true, tcp: true, inner: "HTTP/2.0",
		},
	}
}

// allProxies are all of them.
func allProxies() []proxy { return append(httpProxies(), tcpProxies()...) }

// each runs a test with each of the proxies, all at once.
func each(t *testing.T, proxies []proxy, test func(t *testing.T, p proxy)) {
	t.Parallel()
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// bridges starts two bridges of one configuration, which fits the proxy. heartbeat is the time between heartbeats.
func (p proxy) bridges(t *testing.T, market *local.Market, heartbeat string) (pair [2]*local.Bridge) {
	t.Helper()
	server := "trusted_proxies: [127.0.0.1]"
	if p.tcp {
		certificate, key, _ := local.Certificate(t)
		server = `proxy_protocol: true, tls: {cert_file: "` + certificate + `", key_file: "` + key + `"}`
	}
	for i := range pair {
		health := local.FreeAddress(t)
		file := local.File(t, "grpcsse.yaml", `
server: {drain_timeout: 1s, health: "`+health+`", `+server+`}
upstreams: {market: {target: "`+market.Address+`"}}
routes:
  - path: /tape
    rpc: demo.market.v1.MarketService/WatchTape
    request: {set: {after_sequence: "${last_event_id}"}}
    event: {id: sequence, retry: 500ms}
    heartbeat: `+heartbeat+`
    share: {late_join: latest, linger: 0s}
  - path: /quotes/{symbol}
    rpc: demo.market.v1.MarketService/WatchQuotes
    request: {set: {after_sequence: "${last_event_id}"}}
    event: {id: sequence, retry: 500ms}
    share: {late_join: latest, linger: 0s}
  - path: /mine
    rpc: demo.market.v1.MarketService/WatchTape
    metadata: {forward: [x-forwarded-for, x-forwarded-host, x-forwarded-proto]}
  - path: /one
    rpc: demo.market.v1.MarketService/WatchTape
    event: {id: sequence, retry: 500ms}
    limits: {streams_per_client: 1}
`)
		pair[i] = &local.Bridge{File: file, Address: local.FreeAddress(t), Health: health}
		pair[i].Start(t)
	}
	return pair
}
