package sseclient

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// ParseURL returns the URL that a person typed. As for curl, http:// may be left out.
func ParseURL(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	var wrong *url.Error
	switch {
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("expected a URL like http://127.0.0.1:8080/quotes, found %q: %w", text, wrong.Err)
	case err != nil:
		return nil, fmt.Errorf("expected a URL like http://127.0.0.1:8080/quotes, found %q: %w", text, err)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("expected a URL that begins with http:// or https://, found %s://", u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("expected a URL with a host, found %q", text)
	}
	return u, nil
}

// ParseHeaders returns the headers that a person typed, each as "Name: value".
func ParseHeaders(lines []string) (http.Header, error) {
	header := http.Header{}
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		// The text is not shown: it may be a secret.
		switch {
		case !found:
			return nil, errors.New(`expected a header as "Name: value", found one without a colon`)
		case !httpguts.ValidHeaderFieldName(name):
			return nil, fmt.Errorf("expected the name of a header before the colon, found %q", name)
		case !httpguts.ValidHeaderFieldValue(value):
			return nil, fmt.Errorf("the header %s has a character that headers cannot have", name)
		}
		header.Add(name, value)
	}
	return header, nil
}

// Sendable reports whether an id can be sent back as a header.
func Sendable(id string) bool {
	return httpguts.ValidHeaderFieldValue(id) && strings.TrimSpace(id) == id
}
