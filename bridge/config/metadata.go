package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/secret"
)

// metadata reads names and values that are sent with every call. A key that ends in _file names a file with the value. The file
// must be there.
func (d *decoder) metadata(n *node) (values, files map[string]string) {
	if !d.isMapping(n, "upstream.metadata") {
		return nil, nil
	}
	values = make(map[string]string, len(n.children))
	d.metadataEntries(n, func(c *node, name string, fromFile bool) {
		if !fromFile {
			if value, ok := d.metadataValue(c); ok {
				values[name] = value
			}
			return
		}
		if _, ok := d.secretFile(c); !ok {
			return
		}
		if files == nil {
			files = map[string]string{}
		}
		files[name], _ = d.path(c)
	})
	return values, files
}

// metadataEntries yields the entries of a mapping whose names are right, each name once and in lower case. A key that ends
// in _file gives the name before that.
func (d *decoder) metadataEntries(n *node, entry func(c *node, name string, fromFile bool)) {
	first := make(map[string]*node, len(n.children))
	for _, c := range n.children {
		name, fromFile := metadataKey(c)
		if !d.metadataName(c, name) || c.kind == broken {
			continue
		}
		if before := first[name]; before != nil {
			d.add(c.key.problem(c.path, fmt.Sprintf("the metadata %s is set twice: it is already at %v; keep one of the two",
				quote(name), before.key), ""))
			continue
		}
		first[name] = c
		entry(c, name, fromFile)
	}
}

// metadataKey returns the metadata name that the key of n gives, and whether its value stands in a file.
func metadataKey(n *node) (name string, fromFile bool) {
	return strings.CutSuffix(strings.ToLower(n.name), "_file")
}

// metadataName checks a name, which stands in the key of n.
func (d *decoder) metadataName(n *node, name string) bool {
	switch {
	case !isMetadataName(name):
		d.add(n.key.problem(n.path, fmt.Sprintf("expected a metadata name of letters, digits, `-`, `_` and `.`, found %s", quote(name)), ""))
	case strings.HasPrefix(name, "grpc-"):
		d.add(n.key.problem(n.path, fmt.Sprintf("the metadata name %s is reserved: gRPC keeps all that begins with grpc- to itself", quote(name)), ""))
	case ownedByTransport(name):
		d.add(n.key.problem(n.path, fmt.Sprintf("the metadata name %s is reserved: gRPC and HTTP/2 set it themselves", quote(name)), ""))
	default:
		return true
	}
	return false
}

// isMetadataName reports whether gRPC can carry a name, given in lower case. Header names of HTTP are held to the same.
func isMetadataName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == ""
}

// ownedByTransport reports names that a gRPC client drops or that HTTP/2 forbids.
func ownedByTransport(name string) bool {
	switch name {
	case "content-type", "content-length", "user-agent", "host", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "expect",
		"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization":
		return true
	}
	return false
}

const metadataText = "printable ASCII text"

func (d *decoder) metadataValue(n *node) (string, bool) {
	text, ok := d.textThat(metadataText, isPrintableASCII)(n)
	if ok && !isBinary(strings.ToLower(n.name)) && hasOuterBlank(text, text) {
		d.outerBlank(n)
		return "", false
	}
	return text, ok
}

// hasOuterBlank reports whether a value with this beginning and this end has a blank there.
func hasOuterBlank(beginning, end string) bool {
	return strings.HasPrefix(beginning, " ") || strings.HasSuffix(end, " ")
}

// outerBlank adds the problem of a value that has a blank at an end.
func (d *decoder) outerBlank(n *node) {
	d.problem(n, "remove the blank", "expected %s without blanks at its ends, since an upstream may remove them, found %s", metadataText, n.shown())
}

// secretFile reads a value from the file that n names. No problem shows any of it.
func (d *decoder) secretFile(n *node) (string, bool) {
	path, ok := d.path(n)
	if !ok {
		return "", false
	}
	text, err := secret.Read(path)
	switch {
	case err == nil:
		return text, true
	case errors.Is(err, secret.ErrTooLong):
		d.problem(n, "", "expected a file of at most %v, and %s is longer", Size(secret.MaxBytes), n.shown())
	case errors.Is(err, secret.ErrEmpty):
		d.problem(n, "", "expected a value in the file %s, found nothing", n.shown())
	case errors.Is(err, secret.ErrUnprintable):
		d.problem(n, "", "expected %s on one line in the file %s, found something else", metadataText, n.shown())
	default:
		d.problem(n, "", "expected a file that can be read, found %s: %v", n.shown(), withoutPath(err))
	}
	return "", false
}

func isPrintableASCII(text string) bool { return secret.IsPrintable(text) }
