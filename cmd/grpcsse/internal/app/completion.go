package app

import (
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completion is `grpcsse completion`: a script with which a shell completes commands, flags and their values.
type completion struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Run implements the command.
func (c *completion) Run(k *kong.Kong, t *terminal) error {
	scripts := map[string]func(grammar) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
	_, err := io.WriteString(t.stdout, scripts[c.Shell](newGrammar(k.Model)))
	return err
}

// grammar is the command line, as far as a shell completes it. Its words come from the program and need no quoting, but for the
// help.
type grammar struct {
	flags    []flagWord // those of every command
	commands []commandWord
}

type commandWord struct {
	name, help string
	flags      []flagWord
	// values are those of the first argument. file says that it is a file instead.
	values []string
	file   bool
}

type flagWord struct {
	name, help string
	short      string   // one letter, or ""
	takesValue bool     // the next word is the value
	values     []string // of the flag, where there are only these
	file       bool     // the value is a file or a folder
}

// newGrammar reads the grammar of the parser, without what its help hides.
func newGrammar(app *kong.Application) grammar {
	g := grammar{flags: flagWords(app.Flags)}
	for _, node := range app.Children {
		if node.Hidden {
			continue
		}
		c := commandWord{name: node.Name, help: firstSentence(node.Help), flags: flagWords(node.Flags)}
		if len(node.Positional) > 0 {
			c.values = enumOf(node.Positional[0])
			c.file = node.Positional[0].Name == "file"
		}
		g.commands = append(g.commands, c)
	}
	return g
}

func flagWords(flags []*kong.Flag) (words []flagWord) {
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		w := flagWord{
			name: f.Name, help: firstSentence(f.Help), takesValue: !f.IsBool(), values: enumOf(f.Value),
			file: slices.Contains([]string{"FILE", "DIR"}, f.PlaceHolder),
		}
		if f.Short != 0 {
			w.short = string(f.Short)
		}
		words = append(words, w)
	}
	return words
}

// enumOf returns the values that a flag or an argument may have, nil where it may have any.
func enumOf(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return v.EnumSlice()
}

// firstSentence returns the first sentence of a help text, without the dot.
func firstSentence(help string) string {
	help, _, _ = strings.Cut(help, ". ")
	return strings.TrimSuffix(help, ".")
}

// spellings returns the forms in which a flag can be given.
func (f flagWord) spellings() []string {
	if f.short == "" {
		return []string{"--" + f.name}
	}
	return []string{"--" + f.name, "-" + f.short}
}
