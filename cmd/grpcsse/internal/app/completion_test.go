package app

import (
	"io"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each script has every command with each of its flags, and no help text ends a quotation of the shell.
func TestTheCompletionsHaveEveryCommandAndFlag(t *testing.T) {
	parser, err := kong.New(new(cli), kong.Name(programName), kong.Writers(io.Discard, io.Discard))
	require.NoError(t, err)
	g := newGrammar(parser.Model)
	require.Greater(t, len(g.commands), 5)
	bash, zsh, fish := bashScript(g), zshScript(g), fishScript(g)
	for _, c := range g.commands {
		assert.Regexp(t, `(?m)^    `+c.name+`\) words=`, bash)
		assert.Contains(t, zsh, "    "+c.name+") _arguments")
		assert.Contains(t, fish, "-n __fish_use_subcommand -a "+c.name+" ")
		for _, f := range c.flags {
			assert.Regexp(t, `(?m)^    `+c.name+`\) words='[^']*--`+f.name+`[ ']`, bash, c.name)
			assert.Contains(t, zsh, zshFlag(f))
			assert.Regexp(t, `(?m)__fish_seen_subcommand_from `+c.name+`' -l `+f.name+` `, fish)
		}
	}
}

func TestHelpIsQuotedForEachShell(t *testing.T) {
	odd := grammar{commands: []commandWord{{
		name: "x", help: `it's [a]: \b $(c)`, flags: []flagWord{{name: "y", help: `it's [a]: \b $(c)`, takesValue: true, values: []string{"1", "2"}}},
	}}}
	assert.Contains(t, zshScript(odd), `'*--y=[it'\''s \[a\]\: \\b $(c)]: :(1 2)'`)
	assert.Contains(t, zshScript(odd), `'x:it'\''s [a]: \b $(c)'`)
	assert.Contains(t, fishScript(odd), `-l y -x -a '1 2' -d 'it\'s [a]: \\b $(c)'`)
}
