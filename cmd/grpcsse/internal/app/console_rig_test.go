package app_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/bridgetest"
)

const nastyFile = "../console/testdata/nasty.proto"

// newNasty starts a server whose documentation and names hold markup. The test says what it sends.
func newNasty(t *testing.T) *bridgetest.Upstream {
	t.Helper()
	compiler := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{filepath.Dir(nastyFile)}})}
	files, err := compiler.Compile(t.Context(), filepath.Base(nastyFile))
	require.NoError(t, err)
	return bridgetest.NewUpstream(t, bridgetest.Scripted(files[0]))
}

// startNasty serves such a server, and returns the URL of the console.
func startNasty(t *testing.T) (up *bridgetest.Upstream, page string) {
	t.Helper()
	up = newNasty(t)
	proto, err := filepath.Abs(nastyFile)
	require.NoError(t, err)
	logged := startServe(t, "--upstream", up.Addr, "--listen", "127.0.0.1:0", "--proto", proto, "--strict")
	return up, "http://" + logged(`msg=listening address=(\S+)`) + "/"
}

// startNastyRoutes serves such a server with routes of a file, and returns the URL of the console on the listener for administrators.
func startNastyRoutes(t *testing.T, routes string) (up *bridgetest.Upstream, page string) {
	t.Helper()
	up = newNasty(t)
	proto, err := filepath.Abs(nastyFile)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "grpcsse.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
server: {listen: %q, admin: {listen: "127.0.0.1:0"}}
upstreams: {nasty: {target: %q, schema: {proto: {files: [%s], import_paths: [%s]}}}}
defaults: {event: {retry: 500ms}}
routes:
%s`, unusedAddress(t), up.Addr, filepath.Base(proto), filepath.Dir(proto), routes), 0o600))
	admin := startServe(t, "--config", file)(`listener=admin address=(\S+)`)
	return up, "http://" + admin + "/-/console/"
}

// openRoute opens the page of a route. The page may complain with one of the allowed texts.
func openRoute(t *testing.T, open opener, page, id string, allowed ...string) *browserPage {
	t.Helper()
	p := open(t, page+"#/route?id="+strings.ReplaceAll(id, " ", "+"), allowed...)
	p.until(t, `document.querySelector("#go")`)
	return p
}

// set gives an input of the form a value.
func set(t *testing.T, p *browserPage, label, value string) {
	t.Helper()
	p.until(t, fmt.Sprintf(`(() => {
		const field = [...document.querySelectorAll(".field")].find((f) => f.querySelector(".name")?.textContent === %q);
		const box = field.querySelector("input, select, textarea");
		box.value = %q;
		box.dispatchEvent(new Event("input"));
		return box.value === %[2]q;
	})()`, label, value))
}

// unusedAddress returns an address of this machine on which nothing listens.
func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}
