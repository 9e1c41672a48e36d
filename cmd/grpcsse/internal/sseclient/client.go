package sseclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/printable"
)

// Options say how a client asks.
type Options struct {
	Header   http.Header // sent with every request to the host of the URL, and to no other host
	CACert   string      // a file in PEM with authorities to trust instead of those of the system
	Insecure bool        // any certificate is good
	Identity bool        // do not ask for compression
}

// Limits of an answer's header, and of how many hosts lead to another.
const (
	maxHeaderBytes = 256 << 10
	maxRedirects   = 20 // as in browsers
	dialTimeout    = 15 * time.Second
	maxErrorBytes  = 500
)

// Client opens streams. It is safe for concurrent use.
type Client struct {
	http   *http.Client
	header http.Header
}

// New returns a client. The error says what is wrong with a file in the options.
func New(o Options) (*Client, error) {
	security := &tls.Config{InsecureSkipVerify: o.Insecure} //nolint:gosec // the user asked for it
	if o.CACert != "" {
		pem, err := os.ReadFile(o.CACert)
		if err != nil {
			return nil, err
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: expected certificates in PEM, found none", o.CACert)
		}
	}
	return &Client{header: o.Header, http: &http.Client{
		CheckRedirect: follow(o.Header),
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSClientConfig:        security,
			TLSHandshakeTimeout:    dialTimeout,
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: maxHeaderBytes,
			DisableCompression:     o.Identity,
		},
	}}, nil
}

// follow returns the rule for redirects: the user's headers stay with the host to which the user sent them.
func follow(private http.Header) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, before []*http.Request) error {
		if len(before) >= maxRedirects {
			return fmt.Errorf("the server redirects more than %d times", maxRedirects)
		}
		if origin(next.URL) != origin(before[0].URL) {
			for name := range private {
				next.Header.Del(name)
			}
			next.Header.Set("Accept", eventStream)
		}
		return nil
	}
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// Close closes the connections that no stream uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Open asks for a stream that continues after cursor, or for one from its beginning where cursor is empty. The answer can
// have any status; the caller closes its body, which ends with ctx.
func (c *Client) Open(ctx context.Context, u *url.URL, cursor string) (*http.Response, error) {
	return c.ask(ctx, http.MethodGet, u, cursor)
}

// Head asks for the header of the answer only.
func (c *Client) Head(ctx context.Context, u *url.URL) (*http.Response, error) {
	return c.ask(ctx, http.MethodHead, u, "")
}

func (c *Client) ask(ctx context.Context, method string, u *url.URL, cursor string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", eventStream)
	r.Header.Set("Cache-Control", "no-store") // an EventSource sends no-cache or no-store
	r.Header.Set("User-Agent", "grpcsse")
	for name, values := range c.header {
		r.Header[name] = values
	}
	if host := c.header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	if cursor != "" && Sendable(cursor) {
		r.Header.Set("Last-Event-ID", cursor)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, unwrapped(err)
	}
	return response, nil
}

// unwrapped returns the cause of an error without the URL, which the user knows and which may have a token.
func unwrapped(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		err = about.Err
	}
	return &OpenError{err}
}

// OpenError says that there is no answer.
type OpenError struct{ err error }

// Error implements error. What it says is printable: it may have names of the server's certificate.
func (e *OpenError) Error() string { return printable.Short(e.err.Error(), maxErrorBytes) }

// Unwrap implements errors.Unwrap.
func (e *OpenError) Unwrap() error { return e.err }

// Hint says what may help, or nothing.
func (e *OpenError) Hint() string {
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var wrong x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	switch {
	case errors.As(e.err, &authority):
		return "name the file of the certificate's authority with --cacert, or trust any certificate with --insecure"
	case errors.As(e.err, &name), errors.As(e.err, &wrong):
		return "--insecure trusts any certificate"
	case errors.As(e.err, &record), errors.Is(e.err, http.ErrSchemeMismatch):
		return "the server speaks no TLS there: try http:// instead of https://"
	case errors.As(e.err, &dns):
		return "is the host in the URL right?"
	case errors.Is(e.err, syscall.ECONNREFUSED):
		return "is the server running, and is the port in the URL right?"
	// net/http has no types for these errors: it reads a frame of HTTP/2 as the answer, or before it has sent the request.
	case strings.Contains(e.err.Error(), `malformed HTTP response "\x00\x00`), strings.Contains(e.err.Error(), "readLoopPeekFail"):
		return "the server speaks HTTP/2 only there, as a gRPC server does: is the URL that of the bridge?"
	}
	return ""
}
