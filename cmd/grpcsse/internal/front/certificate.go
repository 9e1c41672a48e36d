package front

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/grpcsse/grpcsse/bridge/config"
)

// lookAgain is the least time between two looks at the files of a certificate.
const lookAgain = time.Second

// certificate is the server's certificate. It is read again when its files have changed. Where a new pair cannot be read, the
// old one stays in use. Where the pair still cannot be read at the next look, the log says so once. The certificate may be used
// concurrently.
type certificate struct {
	files *config.ServerTLS
	log   *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate // guarded by mu, as all below
	state  version          // of the files when pair was read, or when the log said that they cannot be read
	doubt  version          // of files that could not be read once: they may be half written
	looked time.Time        // when the files were looked at
}

// version tells one state of both files from another. A file that does not exist has none.
type version [2]os.FileInfo

// same reports whether both files are those of another version and have not been written since. Kubernetes replaces a folder:
// other files may have the size and the time of the old ones.
func (v version) same(other version) bool {
	for i, a := range v {
		b := other[i]
		if a == nil || b == nil {
			if a != b {
				return false
			}
			continue
		}
		if !os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime()) {
			return false
		}
	}
	return true
}

func loadCertificate(files *config.ServerTLS, log *slog.Logger) (*certificate, error) {
	c := &certificate{files: files, log: log, looked: time.Now()}
	c.state = c.look()
	pair, err := c.read()
	if err != nil {
		return nil, err
	}
	c.pair = pair
	return c, nil
}

// get is the GetCertificate of a tls.Config.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookAgain {
		return c.pair, nil
	}
	c.looked = time.Now()
	state := c.look()
	if state.same(c.state) {
		return c.pair, nil
	}
	pair, err := c.read()
	switch {
	case err == nil:
		c.log.Info("certificate renewed", "file", c.files.CertFile)
		c.pair, c.state = pair, state
	case state.same(c.doubt):
		c.log.Error("the old certificate stays in use", "error", err)
		c.state = state
	default: // the files may be in the middle of being written
		c.doubt = state
	}
	return c.pair, nil
}

func (c *certificate) read() (*tls.Certificate, error) {
	pair, err := c.files.Load()
	if err != nil {
		return nil, fmt.Errorf("server.tls: %w", err)
	}
	return &pair, nil
}

// look returns the present version of both files.
func (c *certificate) look() (state version) {
	for i, name := range []string{c.files.CertFile, c.files.KeyFile} {
		if info, err := os.Stat(name); err == nil {
			state[i] = info
		}
	}
	return state
}
