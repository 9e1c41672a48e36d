package faults_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bench/internal/load"
)

// watched are routes on which an upstream can be lost: two that resume behind the browser's back, and one that has no cursor.
const watched = `
routes:
  - {path: "/private/{topic}", rpc: test.stream.v1.StreamService/Watch}
  - {path: "/shared/{topic}", rpc: test.stream.v1.StreamService/Watch, share: {late_join: latest, linger: 1s}}
  - {path: "/told/{topic}", rpc: test.stream.v1.StreamService/Watch, request: {set: {after_sequence: 0}}}
`

// TestTheUpstreamIsKilled kills the upstream and starts it again at the same address. On routes that resume no browser notices
// anything. On the route without a cursor each stream ends in good order, and the browser is told of its gap.
func TestTheUpstreamIsKilled(t *testing.T) {
	t.Parallel()
	const each = 15
	p := startTape(t, 20, 64)
	upstreams := fmt.Sprintf("upstreams: {tape: {target: %q}}", p.role.Listen)
	plain := startBridge(t, "drain_timeout: 1s", upstreams+watched)
	certificate := certify(t)
	files := fmt.Sprintf("tls: {cert_file: %q, key_file: %q}", certificate.cert, certificate.key)
	secure := startBridge(t, files, upstreams+watched)
	before, beforeTLS := plain.atRest(), secure.atRest()

	parked := startCrowd(t, plain.Address)
	parked.open(load.Order{Browsers: 100, Path: "/private/{n}", Back: &load.Back{}})
	parked.open(load.Order{Browsers: 200, Path: "/shared/all", Back: &load.Back{}})
	told := startCrowd(t, plain.Address)
	told.open(load.Order{Browsers: 2 * each, Path: "/told/{n}", Back: &load.Back{}})
	unnoticed := []audience{parked}
	leave := []func(){parked.leave, told.leave}
	for _, over := range []struct {
		base string
		tls  *tls.Config
		set  func(*http.Protocols, bool)
	}{
		{"http://" + plain.Address, nil, (*http.Protocols).SetUnencryptedHTTP2},
		{"https://" + secure.Address, certificate.trusted, (*http.Protocols).SetHTTP1},
		{"https://" + secure.Address, certificate.trusted, (*http.Protocols).SetHTTP2},
	} {
		transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
		if over.tls != nil {
			transport.TLSClientConfig = over.tls.Clone()
		}
		over.set(transport.Protocols, true)
		r := load.NewReaders(t.Context(), &http.Client{Transport: transport})
		for i := range each {
			r.Open(1, fmt.Sprintf("%s/private/%d", over.base, i), load.Back{})
		}
		r.Open(each, over.base+"/shared/all", load.Back{})
		unnoticed = append(unnoticed, readers{r})
		leave = append(leave, r.Leave)
	}
	requireCurrent(t, p, append(unnoticed, told)...)

	began, slowest := time.Now(), time.Duration(0)
	for range *kills {
		p.restart()
		next := p.newest() + 1 // the newest one may have come before the kill
		slowest = max(slowest, requireEvent(t, next, append(unnoticed, told)...))
	}
	t.Logf("%d kills in %s; the longest until each of 420 browsers had the newest event: %s",
		*kills, time.Since(began).Round(time.Millisecond), slowest.Round(time.Millisecond))
	for _, a := range unnoticed {
		seen := requireClean(t, a)
		assert.Zero(t, seen.Resets)
		assert.Equal(t, load.Life{}, seen.Life, "no browser notices anything")
	}
	seen := requireClean(t, told)
	assert.GreaterOrEqual(t, seen.Life.Told, 2*each**kills)
	assert.EqualValues(t, seen.Life.Returned, seen.Resets, "each is told of its gap")
	assert.Zero(t, seen.Life.Broken, "%v", seen.Life.Breaks)
	for _, f := range leave {
		f()
	}
	plain.requireRest(before, p)
	secure.requireRest(beforeTLS, p)
}

// certificate is a certificate for the loopback address, in files.
type certificate struct {
	cert, key string
	trusted   *tls.Config
}

func certify(t *testing.T) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bridge"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	directory := t.TempDir()
	c := certificate{cert: filepath.Join(directory, "tls.crt"), key: filepath.Join(directory, "tls.key")}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(c.cert, public, 0o600))
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	require.NoError(t, os.WriteFile(c.key, private, 0o600))
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(public))
	c.trusted = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return c
}
