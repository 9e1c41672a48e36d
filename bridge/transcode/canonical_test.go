package transcode_test

import (
	"fmt"
	"sort"
	"strings"
)

// canonical returns compact JSON with the members of all objects sorted by their keys, and otherwise unchanged. It refuses
// input that is not compact JSON on one line, and an object that has a key twice.
func canonical(text string) (string, error) {
	p := jsonParser{text: text}
	out := p.value()
	if p.err == nil && p.at != len(text) {
		p.fail("nothing more")
	}
	return out, p.err
}

type jsonParser struct {
	text string
	at   int
	err  error
}

func (p *jsonParser) fail(want string) {
	if p.err == nil {
		p.err = fmt.Errorf("expected %s at %d of %q", want, p.at, p.text)
	}
}

func (p *jsonParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *jsonParser) accept(c byte) bool {
	if p.err != nil || p.peek() != c {
		return false
	}
	p.at++
	return true
}

func (p *jsonParser) value() string {
	switch {
	case p.err != nil:
		return ""
	case p.accept('{'):
		return "{" + p.members() + "}"
	case p.accept('['):
		var items []string
		for !p.accept(']') {
			if len(items) > 0 && !p.accept(',') {
				p.fail("a comma")
				return ""
			}
			if items = append(items, p.value()); p.err != nil {
				return ""
			}
		}
		return "[" + strings.Join(items, ",") + "]"
	case p.peek() == '"':
		return p.str()
	}
	start := p.at
	for p.at < len(p.text) && strings.IndexByte("0123456789+-.eEtrufalsn", p.text[p.at]) >= 0 {
		p.at++
	}
	if p.at == start {
		p.fail("a value")
	}
	return p.text[start:p.at]
}

func (p *jsonParser) members() string {
	members := map[string]string{}
	for !p.accept('}') {
		if len(members) > 0 && !p.accept(',') {
			p.fail("a comma")
			return ""
		}
		key := p.str()
		if !p.accept(':') {
			p.fail("a colon")
			return ""
		}
		if _, twice := members[key]; twice {
			p.fail("no second " + key)
			return ""
		}
		members[key] = p.value()
	}
	var list []string
	for k, v := range members {
		list = append(list, k+":"+v)
	}
	sort.Strings(list)
	return strings.Join(list, ",")
}

func (p *jsonParser) str() string {
	start := p.at
	if !p.accept('"') {
		p.fail("a string")
		return ""
	}
	for {
		switch c := p.peek(); {
		case c < 0x20:
			p.fail("the end of a string")
			return ""
		case c == '\\':
			p.at += 2
		case c == '"':
			p.at++
			return p.text[start:p.at]
		default:
			p.at++
		}
	}
}
