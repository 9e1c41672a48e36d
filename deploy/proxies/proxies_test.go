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

// front starts the proxy in front of two bridges. After idle without a byte, the proxy ends a stream. base is the URL of the proxy,
// without a path.
func (p proxy) front(t *testing.T, idle string, pair [2]*local.Bridge) (base string) {
	t.Helper()
	base = p.frontOf(t, idle, pair[0].Address, pair[1].Address)
	local.Await(t, base+"/tape")
	return base
}

// frontOf is front for bridges that may be down, so that it does not wait for an answer.
func (p proxy) frontOf(t *testing.T, idle string, bridges ...string) (base string) {
	t.Helper()
	program := local.Find(t, p.program, p.debianPackage)
	content, err := os.ReadFile(p.file)
	require.NoError(t, err)
	_, port, _ := strings.Cut(local.FreeAddress(t), ":")
	certificate, key, both := local.Certificate(t)
	text := string(content)
	for _, e := range p.edits {
		text = replace(t, text, e.documented, os.Expand(e.instead, func(name string) string {
			return map[string]string{"port": port, "certificate": certificate, "key": key, "both": both}[name]
		}))
	}
	for _, setting := range p.idle {
		text = replace(t, text, fmt.Sprintf(setting, documentedIdle), fmt.Sprintf(setting, idle))
	}
	for documented, address := range map[string]string{":8081": bridges[0], ":8082": bridges[1]} {
		_, actual, _ := strings.Cut(address, ":")
		text = replace(t, text, documented, ":"+actual)
	}
	p.start(t, program, t.TempDir(), text)
	scheme, _ := p.scheme()
	return scheme + "://" + local.Name + ":" + port
}

// replace replaces something that is in a configuration once.
func replace(t *testing.T, text, documented, actual string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(text, documented), "%q in the configuration", documented)
	return strings.Replace(text, documented, actual, 1)
}

// startNginx starts an nginx for HTTP whose files are in one folder.
func startNginx(t *testing.T, program, dir, text string) {
	runNginx(t, program, dir, fmt.Sprintf(`
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
}

// streamModule is where Debian has the module of nginx for TCP.
const streamModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

// startNginxStream starts an nginx for TCP.
func startNginxStream(t *testing.T, program, dir, text string) {
	local.FindFile(t, streamModule, "libnginx-mod-stream")
	runNginx(t, program, dir, "load_module "+streamModule+";\nevents {}\nstream {\n"+text+"}\n")
}

// runNginx runs nginx as one process.
func runNginx(t *testing.T, program, dir, text string) {
	file := local.File(t, "nginx.conf", fmt.Sprintf("daemon off;\nmaster_process off;\npid %s/nginx.pid;\n%s", dir, text))
	local.Start(t, program, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", file)
}

// startHAProxy starts HAProxy as one process.
func startHAProxy(t *testing.T, program, _, text string) {
	local.Start(t, program, "-db", "-f", local.File(t, "haproxy.cfg", text))
}

// startCaddy starts a Caddy that keeps its files in one folder, and opens no port for its administration.
func startCaddy(t *testing.T, program, dir, text string) {
	file := local.File(t, "Caddyfile", "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"+text)
	environment := append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	local.StartIn(t, environment, program, "run", "--adapter", "caddyfile", "--config", file)
}
