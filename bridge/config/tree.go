package config

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// convert turns a YAML document into a tree of nodes.
func (l *loader) convert(file *sourceFile, y *yaml.Node) *node {
	c := converter{loader: l, file: file}
	return c.value(y, "")
}

// converter turns the YAML nodes of one file into nodes of this package, and refuses what YAML allows and this format does not.
type converter struct {
	*loader
	file *sourceFile
}

func (c converter) at(y *yaml.Node) position {
	return position{c.file, y.Line, y.Column}
}

func (c converter) value(y *yaml.Node, path string) *node {
	n := &node{pos: c.at(y), path: path}
	if y.Kind == yaml.AliasNode {
		c.add(n.pos.problem(path, "an alias (*"+y.Value+") is not supported: write the value out",
			"what all routes have in common can stand in `defaults`"))
		return n
	}
	if y.Anchor != "" {
		c.add(n.pos.problem(path, "an anchor (&"+y.Anchor+") is not supported: remove it",
			"what all routes have in common can stand in `defaults`"))
	}
	if y.Style&yaml.TaggedStyle != 0 {
		c.add(n.pos.problem(path, "a tag ("+y.Tag+") is not supported: remove it",
			"text that looks like something else goes in quotes"))
		return n
	}
	switch y.Kind {
	case yaml.MappingNode:
		n.kind = mapping
		c.entries(n, y)
	case yaml.SequenceNode:
		n.kind = list
		for i, element := range y.Content {
			n.children = append(n.children, c.value(element, fmt.Sprintf("%s[%d]", path, i)))
		}
	case yaml.ScalarNode:
		c.scalar(n, y)
	}
	return n
}

func (c converter) entries(n *node, y *yaml.Node) {
	first := make(map[string]position)
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		at := c.at(key)
		if p := c.keyProblem(n, key); p != nil {
			c.add(p)
			continue
		}
		path := keyPath(n.path, key.Value)
		if before, twice := first[key.Value]; twice {
			c.add(at.problem(path, fmt.Sprintf("duplicate key `%s`: it is already at %v; keep one of the two",
				printableKey(key.Value), before), ""))
			continue
		}
		first[key.Value] = at
		child := c.value(y.Content[i+1], path)
		child.name, child.key = key.Value, at
		n.children = append(n.children, child)
	}
}

// keyProblem returns the problem of something that can't be a key, or nil.
func (c converter) keyProblem(n *node, key *yaml.Node) *Problem {
	at := c.at(key)
	switch {
	case key.Kind != yaml.ScalarNode:
		return at.problem(n.path, "expected a word as key, found something else", "")
	case key.Anchor != "" || key.Style&yaml.TaggedStyle != 0:
		return at.problem(n.path, "expected a plain word as key, found an anchor or a tag", "")
	case key.Tag == "!!merge":
		return at.problem(n.path, "a merge key (<<) is not supported: write the keys out",
			"what all routes have in common can stand in `defaults`")
	case key.Value == "":
		return at.problem(n.path, "expected a word as key, found nothing", "")
	}
	return nil
}

func (c converter) scalar(n *node, y *yaml.Node) {
	n.raw = y.Value
	n.quoted = y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
	if y.Tag == "!!null" {
		n.kind = null
		return
	}
	n.kind = scalar
	c.expand(n)
}

// printableKey returns a key as messages show it.
func printableKey(key string) string {
	return keyPath("", key)
}
