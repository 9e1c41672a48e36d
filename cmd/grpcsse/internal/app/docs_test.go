package app

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The commands that the documentation tells people to type are commands, with flags that exist.
func TestTheDocumentedCommandsAreCommands(t *testing.T) {
	pages, err := filepath.Glob("../../../../docs/*.md")
	require.NoError(t, err)
	pages = append(pages, "../../../../README.md", "../../../../CONTRIBUTING.md", "../../../../.github/ISSUE_TEMPLATE/bug.yml")
	shell := regexp.MustCompile("(?ms)^```sh\n.*?^```$")
	line := regexp.MustCompile("(?m)^ *(?:[A-Z_]+=\\S* )*" + programName + " ([^\n#]*)") // variables of the environment may stand before
	inline := regexp.MustCompile("`" + programName + " ([a-z][^`\n]*)`")
	checked := map[string]bool{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		commands := inline.FindAllStringSubmatch(string(text), -1)
		for _, block := range shell.FindAllString(string(text), -1) {
			commands = append(commands, line.FindAllStringSubmatch(block, -1)...)
		}
		for _, match := range commands {
			command, _, _ := strings.Cut(match[1], " > ")
			command, _, _ = strings.Cut(command, " 2> ")
			command, _, _ = strings.Cut(command, " | ")
			args := strings.Fields(command)
			if len(args) == 0 || strings.Contains(command, "…") {
				continue
			}
			checked[strings.TrimSpace(command)] = true
			parser, err := kong.New(new(cli), kong.Name(programName), kong.Writers(io.Discard, io.Discard))
			require.NoError(t, err)
			_, err = parser.Parse(args)
			assert.NoError(t, err, "%s: %s %s", page, programName, command)
		}
	}
	assert.Greater(t, len(checked), 8)
	assert.Contains(t, checked, "serve --config tape.yaml --listen 127.0.0.1:808$n --nats nats://127.0.0.1:4222",
		"a command behind a variable of the environment, in a loop")
}
