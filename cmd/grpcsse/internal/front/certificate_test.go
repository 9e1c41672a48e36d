package front

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// writePair writes a certificate for a name, and its key.
func writePair(t *testing.T, files *config.ServerTLS, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	writePEM(t, files.CertFile, "CERTIFICATE", der)
	writePEM(t, files.KeyFile, "PRIVATE KEY", keyDER)
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func nameOf(t *testing.T, c *certificate) string {
	t.Helper()
	pair, err := c.get(nil)
	require.NoError(t, err)
	return pair.Leaf.Subject.CommonName
}

func TestCertificateIsReadAgainWhenItsFilesChange(t *testing.T) {
	files := &config.ServerTLS{CertFile: filepath.Join(t.TempDir(), "tls.crt"), KeyFile: filepath.Join(t.TempDir(), "tls.key")}
	synctest.Test(t, func(t *testing.T) {
		var logged strings.Builder
		writePair(t, files, "old.example")
		c, err := loadCertificate(files, slog.New(slog.NewTextHandler(&logged, nil)))
		require.NoError(t, err)
		assert.Equal(t, "old.example", nameOf(t, c))

		writePair(t, files, "a-longer-new.example")
		assert.Equal(t, "old.example", nameOf(t, c), "the files are looked at once a second")
		time.Sleep(lookAgain)
		assert.Equal(t, "a-longer-new.example", nameOf(t, c))

		require.NoError(t, os.WriteFile(files.CertFile, []byte("half a file"), 0o600))
		time.Sleep(lookAgain)
		assert.Equal(t, "a-longer-new.example", nameOf(t, c), "a pair that cannot be read changes nothing")
		assert.Contains(t, logged.String(), "the old certificate stays in use")

		require.NoError(t, os.Remove(files.CertFile))
		time.Sleep(lookAgain)
		assert.Equal(t, "a-longer-new.example", nameOf(t, c), "neither does one that is gone")
	})
}

func TestCertificateMustBeThereAtStart(t *testing.T) {
	_, err := loadCertificate(&config.ServerTLS{CertFile: "none.crt", KeyFile: "none.key"}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "server.tls: open none.crt")
}
