package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/grpcsse/grpcsse/bridge/internal/spelling"
)

// A reference is written ${name} or ${name:-default}; $$ is a dollar. The names:
//
//	env.NAME         an environment variable, filled in when the file is read
//	last_event_id    the cursor that the browser presents
//	header.NAME  path.FIELD  query.NAME  cookie.NAME  claim.NAME
//
// All but the first are filled in for each request. A default ends at the first closing brace. As in a shell, it counts for a
// variable that is not set, and for one that is empty.

// referenceKinds are the words before the dot.
func referenceKinds() []string {
	return []string{"env", "header", "path", "query", "cookie", "claim"}
}

// LastEventID is the name of the reference to the cursor, for [Reference]: the id of the last event that the browser has.
const LastEventID = "last_event_id"

// referenceError is a mistake in the references of a scalar, at an offset in bytes.
type referenceError struct {
	offset        int
	message, hint string
}

// parseReferences splits a scalar into text and references, of which those to the environment are not filled in yet. It leaves out
// and reports those that it can't read.
func parseReferences(text string) (Template, []referenceError) {
	var (
		parts   Template
		errs    []referenceError
		literal strings.Builder
	)
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, Part{Text: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], "$$"):
			literal.WriteByte('$')
			i += 2
		case strings.HasPrefix(text[i:], "${"):
			inside, _, closed := strings.Cut(text[i+2:], "}")
			if !closed {
				errs = append(errs, referenceError{i, "a reference is not closed: expected } at its end",
					"a dollar that begins no reference is written $$"})
				return parts, errs
			}
			part, err := parseReference(inside)
			if err != nil {
				err.offset = i
				errs = append(errs, *err)
			}
			flush()
			parts = append(parts, part)
			i += len("${}") + len(inside)
		default:
			literal.WriteByte(text[i])
			i++
		}
	}
	flush()
	return parts, errs
}

// parseReference reads the text between the braces.
func parseReference(inside string) (Part, *referenceError) {
	name, fallback, hasDefault := strings.Cut(inside, ":-")
	part := Part{Ref: name, Default: fallback, HasDefault: hasDefault}
	if strings.Contains(fallback, "${") {
		return part, &referenceError{message: "a default can't hold a reference itself: expected plain text after :-"}
	}
	if name == LastEventID {
		return part, nil
	}
	kind, rest, dotted := strings.Cut(name, ".")
	known := false
	for _, k := range referenceKinds() {
		known = known || k == kind && dotted
	}
	switch {
	case !known:
		return part, &referenceError{
			message: fmt.Sprintf("unknown reference %s: expected env.NAME, last_event_id, or header, path, query, cookie or claim with a name after a dot", quote("${"+name+"}")),
			hint:    referenceHint(name, kind, rest),
		}
	case kind == "env" && !isIdentifier(rest):
		return part, &referenceError{message: "expected the name of an environment variable after env., found " + quote(rest)}
	case kind == "header" && rest != "" && !isMetadataName(strings.ToLower(rest)):
		return part, &referenceError{message: "expected the name of a header after header., found " + quote(rest)}
	case kind == "path" && !isFieldPath(rest):
		return part, &referenceError{message: "expected a variable of the path after path., found " + quote(rest)}
	case rest == "" || strings.ContainsAny(rest, " \t\r\n"):
		return part, &referenceError{message: fmt.Sprintf("expected a name after %s., found %s", kind, quote(rest))}
	}
	if kind == "header" {
		part.Ref = strings.ToLower(name)
	}
	return part, nil
}

func referenceHint(name, kind, rest string) string {
	if isIdentifier(name) && strings.ToUpper(name) == name {
		return "did you mean `${env." + name + "}`?"
	}
	if near := spelling.Nearest(name, []string{LastEventID}); near != "" {
		return "did you mean `${" + near + "}`?"
	}
	if near := spelling.Nearest(kind, referenceKinds()); near != "" && rest != "" {
		return "did you mean `${" + near + "." + rest + "}`?"
	}
	return "a dollar that begins no reference is written $$"
}

// expand fills the environment into a scalar. After a problem, the scalar is broken.
func (c converter) expand(n *node) {
	parts, errs := parseReferences(n.raw)
	for _, err := range errs {
		c.add(n.within(err.offset).problem(n.path, err.message, err.hint))
		n.kind = broken
	}
	if n.kind == broken {
		return
	}
	for _, part := range parts {
		name, isEnv := strings.CutPrefix(part.Ref, "env.")
		if !isEnv {
			n.value = append(n.value, part)
			continue
		}
		n.secret = true
		value, set := c.env(name)
		if part.HasDefault && (!set || value == "") {
			value, set = part.Default, true
		}
		if !set {
			c.add(n.pos.problem(n.path, fmt.Sprintf("the environment variable %s is not set: set it, or give a default", name),
				"a default is written `${env."+name+":-value}`"))
			n.kind = broken
		}
		n.value = append(n.value, Part{Text: value})
		n.filled = append(n.filled, filled{"${" + part.Ref + "}", value})
	}
	n.value = n.value.joined()
}

// filled is a value that stands in the file as a reference to the environment.
type filled struct{ reference, value string }

// leastSecret is the length of the shortest value that withoutValues replaces. A shorter one is no secret, and would be found in
// ordinary words.
const leastSecret = 4

// withoutValues returns a text about the tree, which may be nil, with references in place of the values that the environment gave.
// It finds a value also in the form that it has in quotes. What makes such a text may know nothing of the environment: it has a
// path or a name that it was given.
func (n *node) withoutValues(text string) string {
	var all []filled
	n.each(func(n *node) { all = append(all, n.filled...) })
	// A value may be a part of another one.
	slices.SortStableFunc(all, func(a, b filled) int { return cmp.Compare(len(b.value), len(a.value)) })
	for _, f := range all {
		if len(f.value) < leastSecret {
			break
		}
		text = strings.ReplaceAll(text, f.value, f.reference)
		text = strings.ReplaceAll(text, strings.Trim(strconv.Quote(f.value), `"`), f.reference)
	}
	return text
}

// joined returns the template with neighbouring pieces of text joined, and without empty pieces.
func (t Template) joined() Template {
	var parts Template
	for _, part := range t {
		switch last := len(parts) - 1; {
		case part.Ref != "":
			parts = append(parts, part)
		case part.Text == "":
		case last >= 0 && parts[last].Ref == "":
			parts[last].Text += part.Text
		default:
			parts = append(parts, part)
		}
	}
	return parts
}

// within returns the position of a byte inside a scalar. Where the text in the file differs from that of the scalar, because of
// escapes or folded lines, it returns the position of the scalar.
func (n *node) within(offset int) position {
	at := n.pos
	runes := []rune(at.file.line(at.line))
	start := at.column - 1
	if n.quoted {
		start++
	}
	if start > len(runes) || !strings.HasPrefix(string(runes[start:]), n.raw) {
		return at
	}
	at.column = start + 1 + len([]rune(n.raw[:offset]))
	return at
}
