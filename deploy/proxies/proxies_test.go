// Package proxies_test runs nginx, HAProxy and Caddy, with the configurations in this folder, in front of bridges.
package proxies_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/deploy/internal/local"
)

func TestMain(m *testing.M) { local.Main(m) }

// proxy is one of the programs, with its configuration.
type proxy struct {
	name, debianPackage string
	file                string // its configuration, in this folder
	idle                string // what the configuration says of the time without a byte, with %s for the time
	start               func(t *testing.T, program, dir, text string)
}

// documentedIdle is the time without a byte in all configurations.
const documentedIdle = "60s"

// proxies returns all of them.
func proxies() []proxy {
	return []proxy{
		{name: "nginx", debianPackage: "nginx-light", file: "nginx.conf", idle: "proxy_read_timeout %s;", start: startNginx},
		{name: "haproxy", debianPackage: "haproxy", file: "haproxy.cfg", idle: "timeout server %s\n", start: startHAProxy},
		{name: "caddy", debianPackage: "caddy", file: "Caddyfile", idle: "\tread_timeout %s\n", start: startCaddy},
	}
}

// eachProxy runs a test with each of the proxies, all at once.
func eachProxy(t *testing.T, test func(t *testing.T, p proxy)) {
	for _, p := range proxies() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// front starts the proxy in front of two bridges. After idle without a byte, the proxy ends a stream.
func (p proxy) front(t *testing.T, idle string, bridges ...string) (address string) {
	t.Helper()
	program := local.Find(t, p.name, p.debianPackage)
	content, err := os.ReadFile(p.file)
	require.NoError(t, err)
	address = local.FreeAddress(t)
	text := replace(t, string(content), fmt.Sprintf(p.idle, documentedIdle), fmt.Sprintf(p.idle, idle))
	for documented, actual := range map[string]string{":8080": address, ":8081": bridges[0], ":8082": bridges[1]} {
		_, port, _ := strings.Cut(actual, ":")
		text = replace(t, text, documented, ":"+port)
	}
	p.start(t, program, t.TempDir(), text)
	return address
}

// replace replaces something that is in a configuration once.
func replace(t *testing.T, text, documented, actual string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(text, documented), "%q in the configuration", documented)
	return strings.Replace(text, documented, actual, 1)
}

// startNginx starts an nginx whose files are in one folder.
func startNginx(t *testing.T, program, dir, text string) {
	file := local.File(t, "nginx.conf", fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/nginx.pid;
events {}
http {
access_log off;
client_body_temp_path %[1]s/body;
proxy_temp_path %[1]s/proxy;
fastcgi_temp_path %[1]s/fastcgi;
uwsgi_temp_path %[1]s/uwsgi;
scgi_temp_path %[1]s/scgi;
%[2]s
}
`, dir, text))
	local.Start(t, program, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file)
}

// startHAProxy starts HAProxy as one process.
func startHAProxy(t *testing.T, program, _, text string) {
	local.Start(t, program, "-db", "-f", local.File(t, "haproxy.cfg", text))
}

// startCaddy starts a Caddy that keeps its files in one folder, and opens no port for its administration.
func startCaddy(t *testing.T, program, dir, text string) {
	file := local.File(t, "Caddyfile", "{\n\tadmin off\n\tauto_https off\n}\n"+text)
	environment := append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	local.StartIn(t, environment, program, "run", "--adapter", "caddyfile", "--config", file)
}

// bridges starts two bridges of one configuration, in which heartbeat is the time between heartbeats.
func bridges(t *testing.T, market *local.Market, heartbeat string) [2]*local.Bridge {
	t.Helper()
	file := local.File(t, "grpcsse.yaml", `
server: {drain_timeout: 1s, trusted_proxies: [127.0.0.1]}
upstreams: {market: {target: "`+market.Address+`"}}
routes:
  - path: /tape
    rpc: demo.market.v1.MarketService/WatchTape
    request: {set: {after_sequence: "${last_event_id}"}}
    event: {id: sequence, retry: 500ms}
    heartbeat: `+heartbeat+`
    share: {late_join: latest, linger: 0s}
  - path: /mine
    rpc: demo.market.v1.MarketService/WatchTape
    metadata: {forward: [x-forwarded-for, x-forwarded-host, x-forwarded-proto]}
  - path: /one
    rpc: demo.market.v1.MarketService/WatchTape
    event: {id: sequence, retry: 500ms}
    limits: {streams_per_client: 1}
`)
	pair := [2]*local.Bridge{{File: file, Address: local.FreeAddress(t)}, {File: file, Address: local.FreeAddress(t)}}
	for _, b := range pair {
		b.Start(t)
	}
	return pair
}
