package natsbus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/grpcsse/grpcsse/bridge/config"
	"github.com/grpcsse/grpcsse/bridge/internal/localfile"
	"github.com/grpcsse/grpcsse/bridge/internal/secret"
)

const (
	dialTimeout   = 2 * time.Second
	reconnectWait = 200 * time.Millisecond // between two attempts with all servers
	pingInterval  = 2 * time.Second        // a dead connection is noticed after three of them at most
	// writeTimeout is how long a server may take nothing. Meanwhile the messages of all keys wait.
	writeTimeout = 2 * time.Second

	maxPEM = 1 << 20
)

// Dial begins to connect to NATS. It tries each server once, for 2 s at most, and goes on
// trying afterwards. l may be nil. The error says what of the configuration cannot be used.
func Dial(c *config.Cluster, l *slog.Logger) (*Bus, error) {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	note := &notes{log: l, about: map[string]*told{}}
	identity, err := identify(&c.NATS)
	if err != nil {
		return nil, err
	}
	ready := make(chan *Bus, 1)
	linked := func(up bool) func(*nats.Conn) {
		return func(conn *nats.Conn) {
			b := <-ready
			ready <- b
			if up {
				note.works("NATS")
			}
			b.link(up && conn.IsConnected())
		}
	}
	options := append(append(identity, lasting()...),
		nats.ConnectHandler(linked(true)), nats.ReconnectHandler(linked(true)),
		nats.DisconnectErrHandler(func(conn *nats.Conn, err error) {
			if err != nil {
				note.fault("NATS", err)
			}
			linked(false)(conn)
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { note.fault("NATS", err) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if !errors.Is(err, nats.ErrSlowConsumer) { // what is lost is asked for
				note.fault("a subject of NATS", err)
			}
		}),
	)
	conn, err := nats.Connect(strings.Join(c.NATS.Servers, ","), options...)
	if err != nil {
		return nil, fmt.Errorf("NATS: %w", err)
	}
	s, err := newStore(conn, c, note)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("NATS: %w", err)
	}
	b := newBus(conn, c.Name, s, note)
	ready <- b
	if conn.IsConnected() {
		note.works("NATS")
		b.link(true)
	} else if err := conn.LastError(); err != nil {
		note.fault("NATS", err)
	} else {
		note.fault("NATS", errors.New("no server can be reached yet"))
	}
	return b, nil
}

// lasting returns the options of a connection that is tried for ever, and that is given up soon where it does not work.
func lasting() []nats.Option {
	return []nats.Option{
		nats.Name("grpcsse"), nats.NoEcho(), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.Timeout(dialTimeout), nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(writeTimeout), nats.ReconnectOnFlusherError(),
		nats.ReconnectBufSize(-1), // what was not sent is asked for, and must not come late
	}
}

// identify returns the options that say who the bridge is, and how the servers are checked.
func identify(n *config.NATS) (options []nats.Option, err error) {
	switch {
	case n.CredentialsFile != "":
		if _, err := localfile.Read(n.CredentialsFile, maxPEM); err != nil {
			return nil, fmt.Errorf("the credentials for NATS: %w", err)
		}
		options = append(options, nats.UserCredentials(n.CredentialsFile))
	case n.NKeyFile != "":
		option, err := nats.NkeyOptionFromSeed(n.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("the key for NATS: %w", err)
		}
		options = append(options, option)
	case n.User != "":
		if _, err := secret.Read(n.PasswordFile); err != nil {
			return nil, fmt.Errorf("the password for NATS: %w", err)
		}
		options = append(options, nats.UserInfoHandler(func() (user, password string) {
			password, _ = secret.Read(n.PasswordFile) // read again at each connection; NATS refuses an empty one
			return n.User, password
		}))
	}
	if n.TLS != nil {
		settings, err := tlsOf(n.TLS)
		if err != nil {
			return nil, err
		}
		options = append(options, nats.Secure(settings))
	}
	return options, nil
}

func tlsOf(t *config.NATSTLS) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		text, err := localfile.Read(t.CAFile, maxPEM)
		if err != nil {
			return nil, fmt.Errorf("the certificates for NATS: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("the certificates for NATS: expected certificates in PEM in %s, found none", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := localfile.KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("the certificate for NATS: %w", err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return settings, nil
}
