package pathtmpl

import "strings"

// Parse reads a template. An error is a [*SyntaxError].
func Parse(text string) (*Template, error) {
	p := parser{scanner: scanner{text: text}, template: &Template{source: text}}
	if err := p.parse(); err != nil {
		return nil, err
	}
	return p.template, nil
}

const wholeSegment = "a wildcard or a variable is a whole segment"

// parser has a method for each line of the grammar in the package comment.
type parser struct {
	scanner
	template *Template
}

func (p *parser) parse() error {
	if !p.accept("/") {
		return p.expected(`"/"`)
	}
	if p.atEnd() {
		return nil
	}
	if err := p.segments(p.segment); err != nil {
		return err
	}
	if err := p.verb(); err != nil {
		return err
	}
	if !p.atEnd() {
		return p.unexpected()
	}
	return nil
}

// segments reads segments, each by one.
func (p *parser) segments(one func() error) error {
	for {
		if err := one(); err != nil {
			return err
		}
		slash := p.pos
		if !p.accept("/") {
			return nil
		}
		if p.template.endsInRest() {
			return p.errorAt(slash, `expected the end or a verb after "**", which fits the whole rest of a path`)
		}
	}
}

// segment reads a segment or a variable.
func (p *parser) segment() error {
	if p.accept("{") {
		return p.variable()
	}
	return p.plainSegment()
}

// plainSegment reads a segment that is not a variable.
func (p *parser) plainSegment() error {
	start := p.pos
	switch {
	case p.accept("**"):
		p.add(segment{kind: kindRest})
	case p.accept("*"):
		p.add(segment{kind: kindOne})
	default:
		text, err := p.literal()
		if err != nil {
			return err
		}
		if text == "" {
			return p.missingSegment()
		}
		p.add(segment{kind: kindLiteral, literal: text})
	}
	switch {
	case p.atEnd() || strings.IndexByte("/:}", p.text[p.pos]) >= 0:
		return nil
	case p.text[start] == '*':
		return p.errorAt(p.pos, "found %s after a wildcard: %s", p.found(), wholeSegment)
	}
	return p.unexpected()
}

func (p *parser) add(s segment) { p.template.segments = append(p.template.segments, s) }

// missingSegment returns the error for a missing segment.
func (p *parser) missingSegment() error {
	if rest := p.scanner; rest.accept(":") {
		if name := rest.name(); name != "" {
			return p.errorAt(p.pos, `expected a segment, found ":"; a variable is written {%s}`, name)
		}
	}
	if !p.atEnd() && strings.IndexByte("/:}", p.text[p.pos]) < 0 {
		return p.unexpected()
	}
	return p.expected("a segment")
}

// variable reads a variable after its brace.
func (p *parser) variable() error {
	start := p.pos - 1
	v := Variable{first: len(p.template.segments)}
	var err error
	if v.Path, err = p.fieldPath(); err != nil {
		return err
	}
	for _, other := range p.template.variables {
		if other.Path == v.Path {
			return p.errorAt(start, "found the variable {%s} for the second time", v.Path)
		}
	}
	if p.accept("=") {
		if err := p.segments(p.innerSegment); err != nil {
			return err
		}
	} else {
		p.add(segment{kind: kindOne})
	}
	if !p.accept("}") {
		if !p.atEnd() && p.text[p.pos] == ':' {
			return p.errorAt(p.pos, `expected "}", found ":": a verb stands at the end of the template, outside variables`)
		}
		return p.expected(`"}"`)
	}
	if !p.atEnd() && p.text[p.pos] != '/' && p.text[p.pos] != ':' {
		return p.expected(`"/", ":" or the end after a variable`)
	}
	v.end = len(p.template.segments)
	v.Multi = v.end-v.first > 1 || p.template.endsInRest()
	p.template.variables = append(p.template.variables, v)
	return nil
}

// innerSegment reads a segment of a variable.
func (p *parser) innerSegment() error {
	if p.accept("{") {
		return p.errorAt(p.pos-1, "found a variable inside a variable")
	}
	return p.plainSegment()
}

func (p *parser) fieldPath() (string, error) {
	start := p.pos
	for {
		if p.name() == "" {
			return "", p.expected("the name of a field")
		}
		if !p.accept(".") {
			return p.text[start:p.pos], nil
		}
	}
}

// verb reads a verb, if there is one.
func (p *parser) verb() error {
	colon := p.pos
	if !p.accept(":") {
		return nil
	}
	text, err := p.literal()
	if err != nil {
		return err
	}
	if text == "" {
		return p.expected("a verb")
	}
	if !p.atEnd() && strings.IndexByte("/:", p.text[p.pos]) >= 0 {
		return p.errorAt(colon, `found ":" before the end: one verb may end a template, and a colon in text is written %%3A`)
	}
	p.template.verb = text
	return nil
}

// unexpected returns the error for text with which no template can go on.
func (p *parser) unexpected() error {
	hint := "it is written percent-encoded in a path"
	switch p.text[p.pos] {
	case '?':
		hint = "query parameters are no part of a template"
	case '}':
		hint = "no variable is open"
	case '{', '*':
		hint = wholeSegment
	}
	return p.errorAt(p.pos, "found %s: %s", p.found(), hint)
}
