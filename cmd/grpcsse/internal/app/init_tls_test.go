package app

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// A server with TLS is read with the authority that the flag names. The file that is made names it too, from its own folder.
func TestAServerWithTLSNeedsNoFile(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(web.Close)
	address := startNasty(t, compileNasty(t, nastySources()), grpc.Creds(credentials.NewServerTLSFromCert(&web.TLS.Certificates[0])))
	authority := filepath.Join(t.TempDir(), "authority.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	require.NoError(t, os.WriteFile(authority, text, 0o600))

	made := writesAndServes(t, 20, "--upstream", address, "--upstream-ca", authority)
	assert.Contains(t, made, "    tls: {ca_file: \"")
	stdout, _ := runs(t, codeOK, "routes", "--upstream", address, "--upstream-ca", authority)
	assert.Contains(t, stdout, "/a.v1.OrderService/WatchWide")

	_, words := runs(t, codeRuntime, "init", "--upstream", address, "--upstream-tls")
	assert.Contains(t, words, "certificate signed by unknown authority", "the system does not trust the authority")
	_, words = runs(t, codeRuntime, "init", "--upstream", address)
	assert.Contains(t, words, "--upstream-tls")
}

func TestTLSOfTheUpstreamGoesWithUpstream(t *testing.T) {
	file := filepath.Join(t.TempDir(), "grpcsse.yaml")
	require.NoError(t, os.WriteFile(file, []byte("upstreams: {a: {target: \"127.0.0.1:1\"}}\nroutes: [{path: /a, rpc: a.B/C}]\n"), 0o600))
	for _, flag := range [][]string{{"--upstream-tls"}, {"--upstream-ca", file}} {
		_, words := runs(t, codeUsage, append([]string{"routes", "--config", file}, flag...)...)
		assert.Contains(t, words, flag[0]+" goes with --upstream")
		assert.Contains(t, words, "in a file, say `tls: {")
	}
	_, words := runs(t, codeConfig, "init", "--upstream", "127.0.0.1:1", "--upstream-ca", file+".absent")
	assert.Contains(t, words, ".absent")
	stdout, _ := runs(t, codeOK, "init", "--upstream", "shop.example.com:443", "--upstream-tls", "--proto", protoFile(t))
	assert.Contains(t, stdout, "    tls: {}\n")
}

// protoFile returns the path of a .proto file with a method.
func protoFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "m.proto")
	require.NoError(t, os.WriteFile(file, []byte(`syntax = "proto3"; message M {} service S { rpc Watch(M) returns (stream M); }`), 0o600))
	return file
}
