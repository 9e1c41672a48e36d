package auth

import (
	"context"
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

// sameScheme follows no redirect to another scheme: a redirect from https to http would give up what protects the keys.
func sameScheme(r *http.Request, via []*http.Request) error {
	switch first := via[0].URL; {
	case len(via) > maxRedirects:
		return fmt.Errorf("expected at most %d redirects", maxRedirects)
	case r.URL.Scheme != first.Scheme:
		return fmt.Errorf("expected no redirect to another scheme than %s, found %s", first.Scheme, r.URL.Scheme)
	}
	return nil
}

// fetch returns a document. Errors hold nothing of the document.
func fetch(ctx context.Context, client *http.Client, from string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: expected the status 200, found %d", from, answer.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("GET %s: %w", from, err)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("GET %s: expected a document of at most %d bytes, found more", from, maxDocument)
	}
	return data, nil
}

// discover returns the address of the keys of an OpenID Connect provider (OpenID Connect Discovery 1.0, section 4).
func discover(ctx context.Context, client *http.Client, issuer string) (string, error) {
	from := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	data, err := fetch(ctx, client, from)
	if err != nil {
		return "", err
	}
	var found struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(data, &found); err != nil {
		return "", fmt.Errorf("GET %s: expected the document of an OpenID Connect provider, found something else", from)
	}
	if found.Issuer != issuer {
		return "", fmt.Errorf("GET %s: expected the issuer %q, found %q: `issuer` must be written as the provider writes it", from, issuer,
			found.Issuer[:min(len(found.Issuer), 200)])
	}
	keys, err := url.Parse(found.Keys)
	own, ownErr := url.Parse(issuer)
	if err != nil || ownErr != nil || keys.Host == "" || keys.Scheme != "https" && keys.Scheme != own.Scheme {
		return "", fmt.Errorf("GET %s: expected a URL with %s as jwks_uri, found %q", from, "https", found.Keys[:min(len(found.Keys), 200)])
	}
	return found.Keys, nil
}

// readFile returns the content of a file with keys.
func readFile(path string) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer func() { _ = f.Close() }()
	data, err = io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("expected a file of at most %d bytes, found more", maxDocument)
	}
	return data, nil
}

// withoutPath returns the error of the operating system alone, since messages name the path already.
func withoutPath(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
