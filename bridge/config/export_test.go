package config

import (
	"encoding/json"
	"fmt"
)

// WithoutSource returns a copy without its position in a file, for comparisons.
func (r *Route) WithoutSource() Route {
	c := *r
	c.source = source{}
	return c
}

// WithoutSource returns a copy without its position in a file, for comparisons.
func (u *Upstream) WithoutSource() Upstream {
	c := *u
	c.source = source{}
	return c
}

// KeyNames returns the names of all keys that a file can have.
func KeyNames() (names []string) {
	eachField("", everyKey(), func(name string, _ field) { names = append(names, name) })
	return names
}

// Rewritten returns the route as it is after it was turned into the tree of a file and read again.
func (r *Route) Rewritten() *Route {
	var c collector
	d := &decoder{collector: &c}
	return d.route(treeWriter{collector: &c}.route(r)).Route
}

// Rewritten returns the upstream as it is after it was turned into the tree of a file and read again.
func (u *Upstream) Rewritten() *Upstream {
	var c collector
	d := &decoder{collector: &c}
	tree := treeWriter{collector: &c}.upstream(u)
	tree.name = u.Name
	return d.upstream(tree)
}

// Defaults returns the values of the keys that a file leaves out, in the form of a file.
func Defaults() map[string]string {
	defaults := make(map[string]string)
	eachField("", everyKey(), func(name string, f field) {
		if value, ok := f.defaultValue(); ok {
			defaults[name] = fmt.Sprint(value)
			if text, isNumber := value.(json.RawMessage); isNumber {
				defaults[name] = string(text)
			}
		}
	})
	return defaults
}

// ServerSetting is an entry of serverSettings.
type ServerSetting struct {
	Field, Key string
	OnReload   effect
}

const NeedsRestart = needsRestart

func ServerSettings() (all []ServerSetting) {
	for _, s := range serverSettings() {
		all = append(all, ServerSetting{s.field, s.key, s.onReload})
	}
	return all
}
