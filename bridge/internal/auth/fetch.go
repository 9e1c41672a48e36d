package auth

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/grpcsse/grpcsse/bridge/internal/localfile"
)

const (
	// maxDocument bounds a document of an identity provider, in bytes.
	maxDocument = 1 << 20
	// fetchTimeout bounds the time for one document.
	fetchTimeout = 10 * time.Second
	// maxRedirects is how many redirects are followed for one document.
	maxRedirects = 3
)

// newTransport returns a transport for a few connections to one server.
func newTransport(connections int) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  fetchTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConns:           connections,
		MaxIdleConnsPerHost:    connections,
		IdleConnTimeout:        30 * time.Second,
		ForceAttemptHTTP2:      true,
	}
}

// newFetcher returns a client for the documents of identity providers.
func newFetcher(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, Timeout: fetchTimeout, CheckRedirect: sameScheme}
}

// sameScheme follows no redirect to another scheme: a redirect from https to http would give up what protects the keys. Where a
// redirect is followed, the other server does not learn the address that led there, which may hold credentials.
func sameScheme(r *http.Request, via []*http.Request) error {
	r.Header.Del("Referer")
	switch first := via[0].URL; {
	case len(via) > maxRedirects:
		return redirectError(fmt.Sprintf("expected at most %d redirects", maxRedirects))
	case r.URL.Scheme != first.Scheme:
		return redirectError(fmt.Sprintf("expected no redirect to another scheme than %s, found %s", first.Scheme, r.URL.Scheme))
	}
	return nil
}

// fetch returns a document. Errors hold nothing of the document, and of its address only what is shown.
func fetch(ctx context.Context, client *http.Client, from, shown string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", shown, withoutData(err))
	}
	r.Header.Set("Accept", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", shown, withoutData(err))
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: expected the status 200, found %d", shown, answer.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", shown, withoutData(err))
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("GET %s: expected a document of at most %d bytes, found more", shown, maxDocument)
	}
	return data, nil
}

// discover returns the address of the keys of an OpenID Connect provider (OpenID Connect Discovery 1.0, section 4).
func discover(ctx context.Context, client *http.Client, issuer string) (string, error) {
	from := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	data, err := fetch(ctx, client, from, from)
	if err != nil {
		return "", err
	}
	keys, err := parseDiscovery(data, issuer)
	if err != nil {
		return "", fmt.Errorf("GET %s: %w", from, err)
	}
	return keys, nil
}

// maxAddress bounds the address of the keys in a document of discovery, in bytes.
const maxAddress = 2048

// parseDiscovery returns the address of the keys that the document of a provider names.
func parseDiscovery(data []byte, issuer string) (string, error) {
	var found struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(data, &found); err != nil {
		return "", errors.New("expected the document of an OpenID Connect provider, found something else")
	}
	if found.Issuer != issuer {
		return "", fmt.Errorf("expected the issuer %q, found %q: `issuer` must be written as the provider writes it", issuer,
			found.Issuer[:min(len(found.Issuer), 200)])
	}
	keys, err := url.Parse(found.Keys)
	own, ownErr := url.Parse(issuer)
	if err != nil || ownErr != nil || keys.Hostname() == "" || keys.User != nil || len(found.Keys) > maxAddress ||
		keys.Scheme != "https" && keys.Scheme != own.Scheme {
		return "", fmt.Errorf("expected a URL with https as jwks_uri, of at most %d bytes and without a user, found %q", maxAddress,
			withoutUser(found.Keys[:min(len(found.Keys), 200)]))
	}
	return found.Keys, nil
}

// withoutUser returns what a text has behind the user of a URL.
func withoutUser(text string) string { return text[strings.LastIndexByte(text, '@')+1:] }

// shownHost returns a URL as messages show it, without the path and the query: credentials may stand there.
func shownHost(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the URL"
	}
	return u.Scheme + "://" + u.Host
}

// redirectError says why a redirect is not followed.
type redirectError string

func (e redirectError) Error() string { return string(e) }

// withoutData returns an error of an HTTP client without the URL, and without anything that the other side has sent: it may
// have repeated the credentials that it got.
func withoutData(err error) error {
	var (
		redirect    redirectError
		network     *net.OpError
		name        *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		timeout     interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &redirect):
		return redirect
	case errors.As(err, &name):
		return name
	case errors.As(err, &network):
		return network
	case errors.As(err, &certificate):
		return certificate
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return errors.New("the server does not speak TLS")
	case errors.As(err, &alert):
		return alert
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("there was no answer in time")
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	return errors.New("the answer is broken off, or is no HTTP")
}

// readFile returns the content of a file with keys.
func readFile(path string) ([]byte, error) {
	data, err := localfile.Read(path, maxDocument)
	if errors.Is(err, localfile.ErrTooLong) {
		return nil, fmt.Errorf("expected a file of at most %d bytes, found more", maxDocument)
	}
	return data, withoutPath(err)
}

// withoutPath returns the error of the operating system alone, since messages name the path already.
func withoutPath(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
