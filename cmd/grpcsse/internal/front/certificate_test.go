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

// look returns the name in the certificate that is in use, as a client sees it that comes when the files may be looked at again.
func look(t *testing.T, c *certificate) string {
	t.Helper()
	time.Sleep(lookAgain)
	return nameOf(t, c)
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
		assert.Equal(t, "a-longer-new.example", look(t, c))
		assert.Equal(t, 1, strings.Count(logged.String(), "certificate renewed"))
	})
}

// A pair that cannot be used changes nothing. The log says so once, unless the files were only being written.
func TestACertificateThatCannotBeReadIsToldOnce(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, files *config.ServerTLS){
		"half a file": func(t *testing.T, files *config.ServerTLS) {
			text, err := os.ReadFile(files.CertFile)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(files.CertFile, text[:len(text)/2], 0o600))
		},
		"an empty file": func(t *testing.T, files *config.ServerTLS) { require.NoError(t, os.Truncate(files.KeyFile, 0)) },
		"no file":       func(t *testing.T, files *config.ServerTLS) { require.NoError(t, os.Remove(files.CertFile)) },
		"the key of another certificate": func(t *testing.T, files *config.ServerTLS) {
			other := &config.ServerTLS{CertFile: filepath.Join(t.TempDir(), "other.crt"), KeyFile: files.KeyFile}
			writePair(t, other, "other.example")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			files := &config.ServerTLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
			synctest.Test(t, func(t *testing.T) {
				var logged strings.Builder
				writePair(t, files, "old.example")
				c, err := loadCertificate(files, slog.New(slog.NewTextHandler(&logged, nil)))
				require.NoError(t, err)
				spoil(t, files)
				assert.Equal(t, "old.example", look(t, c))
				assert.Empty(t, logged.String(), "the rest may follow at once")
				for range 5 {
					assert.Equal(t, "old.example", look(t, c))
				}
				assert.Equal(t, 1, strings.Count(logged.String(), "the old certificate stays in use"))
				writePair(t, files, "new.example")
				assert.Equal(t, "new.example", look(t, c))
				assert.Equal(t, 2, strings.Count(logged.String(), "\n"))
			})
		})
	}
}

// Kubernetes puts new files into a folder of their own, and renames a symbolic link to that folder.
func TestCertificateIsReadAgainWhenALinkChanges(t *testing.T) {
	dir := t.TempDir()
	files := &config.ServerTLS{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	moment := time.Now()
	publish := func(folder, name string) {
		t.Helper()
		require.NoError(t, os.Mkdir(filepath.Join(dir, folder), 0o700))
		inside := &config.ServerTLS{
			CertFile: filepath.Join(dir, folder, "tls.crt"), KeyFile: filepath.Join(dir, folder, "tls.key"),
		}
		writePair(t, inside, name)
		for _, file := range []string{inside.CertFile, inside.KeyFile} {
			require.NoError(t, os.Chtimes(file, moment, moment))
		}
		require.NoError(t, os.Symlink(folder, filepath.Join(dir, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	publish("..one", "one.example")
	for _, name := range []string{"tls.crt", "tls.key"} {
		require.NoError(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
	synctest.Test(t, func(t *testing.T) {
		c, err := loadCertificate(files, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		for _, name := range []string{"two.example", "six.example", "ten.example"} {
			publish(".."+name, name)
			assert.Equal(t, name, look(t, c))
		}
	})
}

func TestCertificateMustBeThereAtStart(t *testing.T) {
	_, err := loadCertificate(&config.ServerTLS{CertFile: "none.crt", KeyFile: "none.key"}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "server.tls: open none.crt")
}
