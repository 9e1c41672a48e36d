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
// old one stays in use and the log says so. It may be used concurrently.
type certificate struct {
	files *config.ServerTLS
	log   *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate // guarded by mu
	state  [2]fileState     // guarded by mu; the state of the files when pair was read or could not be read
	looked time.Time        // guarded by mu; when the files were looked at
}

// fileState tells one version of a file from another.
type fileState struct {
	modified time.Time
	size     int64
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
	if state == c.state {
		return c.pair, nil
	}
	c.state = state
	pair, err := c.read()
	if err != nil {
		c.log.Error("the old certificate stays in use", "error", err)
		return c.pair, nil
	}
	c.log.Info("certificate renewed", "file", c.files.CertFile)
	c.pair = pair
	return pair, nil
}

func (c *certificate) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.files.CertFile, c.files.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("server.tls: %w", err)
	}
	return &pair, nil
}

// look returns the state of both files. A file that does not exist has the zero state.
func (c *certificate) look() (state [2]fileState) {
	for i, name := range []string{c.files.CertFile, c.files.KeyFile} {
		if info, err := os.Stat(name); err == nil {
			state[i] = fileState{modified: info.ModTime(), size: info.Size()}
		}
	}
	return state
}
