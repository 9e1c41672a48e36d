package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

const (
	// maxFileBytes bounds a configuration file. It is far more than a person writes, and so little that a hostile file costs
	// next to nothing.
	maxFileBytes = 4 << 20
	// maxDepth bounds how deep the values of a file nest.
	maxDepth = 64
)

// document reads one YAML document into a tree. Where it can't, it reports a problem and returns nil.
func (l *loader) document(name string, data []byte) *node {
	file := newSourceFile(name, data)
	start := position{file, 1, 1}
	if len(data) > maxFileBytes {
		l.add(start.problem("", fmt.Sprintf("expected a configuration file of at most %v, found %d bytes",
			Size(maxFileBytes), len(data)), "split it with `include`"))
		return nil
	}
	if p := unreadable(file, data); p != nil {
		l.add(p)
		return nil
	}
	root, err := l.firstDocument(file, data)
	switch {
	case errors.Is(err, io.EOF):
		l.add(emptyFile(start))
		return nil
	case err != nil:
		l.add(syntaxProblem(file, err))
		return nil
	}
	tree := l.convert(file, root.Content[0])
	if tree.kind == null {
		l.add(emptyFile(start))
		return nil
	}
	l.leaveOutEmpty(tree, "")
	return tree
}

func emptyFile(start position) *Problem {
	return start.problem("", "the file is empty: expected at least `upstreams` and `routes`", "")
}

// firstDocument returns the first document in data. It parses all of data, so that it finds every syntax error, and reports a
// second document as a problem. The error is io.EOF where there is no document.
func (l *loader) firstDocument(file *sourceFile, data []byte) (*yaml.Node, error) {
	documents, err := yaml.NewLoader(bytes.NewReader(data),
		yaml.WithUniqueKeys(false), // we report every duplicate, with both places
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		return nil, err
	}
	var first, next yaml.Node
	if err := documents.Load(&first); err != nil {
		return nil, err
	}
	for number := 2; ; number++ {
		err := documents.Load(&next)
		if errors.Is(err, io.EOF) {
			return &first, nil
		}
		if err != nil {
			return nil, err
		}
		if number == 2 {
			l.add(position{file, next.Line, next.Column}.problem("",
				"a second YAML document starts here: expected one document in a file",
				"put it into a file of its own and name that in `include`"))
		}
	}
}

// unreadable returns a problem for the first character that no YAML file may hold, or nil. The YAML reader would report such a
// character without a position.
func unreadable(file *sourceFile, data []byte) *Problem {
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return position{file, line, column}.problem("",
				fmt.Sprintf("expected UTF-8, found the byte 0x%02x", data[i]), "save the file as UTF-8")
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0xfffe, r == 0xffff:
			return position{file, line, column}.problem("",
				fmt.Sprintf("expected text, found the control character %U: remove it", r), "")
		}
		crlf := r == '\r' && bytes.HasPrefix(data[i+size:], []byte("\n"))
		switch {
		case crlf, r == '\ufeff' && i == 0:
		case strings.ContainsRune("\n\r\u0085\u2028\u2029", r):
			line, column = line+1, 1
		default:
			column++
		}
		i += size
	}
	return nil
}

// syntaxProblem turns an error of the YAML parser into a problem.
func syntaxProblem(file *sourceFile, err error) *Problem {
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return position{file, 1, 1}.problem("", "invalid YAML: "+err.Error(), "")
	}
	message := "invalid YAML: " + load.Message
	if load.ContextMsg != "" {
		message += " " + load.ContextMsg
	}
	mark := load.Mark
	if mark.Line == 0 {
		mark = load.ContextMark
	}
	if load.ContextMark.Line > 0 && load.ContextMark.Line < mark.Line {
		message += fmt.Sprintf(", which starts at line %d", load.ContextMark.Line)
	}
	at := position{file, max(mark.Line, 1), max(mark.Column, 1)}
	return at.problem("", message, syntaxHint(file.line(at.line), at.column))
}

// syntaxHint returns a hint for common mistakes, or "".
func syntaxHint(line string, column int) string {
	runes := []rune(line)
	var at rune
	if column <= len(runes) {
		at = runes[column-1]
	}
	switch {
	case strings.Contains(line, "${"):
		return `inside { } and [ ] a reference needs quotes: "${…}"`
	case at == '\t' || strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		return "indent with spaces: YAML takes no tabs"
	case at == '@' || at == '`' || at == '%' || at == '*':
		return "a value that begins with " + string(at) + " needs quotes"
	case strings.Count(line, ": ") > 1:
		return "a value with a colon and a space in it needs quotes"
	}
	return ""
}
