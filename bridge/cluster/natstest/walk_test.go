package natstest

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// walk is the section of docs/replicas.md that a reader types: its blocks of commands, in their order.
func walk(t *testing.T) (blocks []string) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/replicas.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n### Try it on one machine\n")
	require.True(t, found, "the page has the section")
	section, _, _ = strings.Cut(section, "\n### ")
	for _, match := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(section, -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}

// TestTheWalkThrough runs the commands of docs/replicas.md as they stand there, with one page in Chromium beside. The owner is
// killed, and neither the second terminal nor the page notices.
func TestTheWalkThrough(t *testing.T) {
	blocks := walk(t)
	require.Len(t, blocks, 7)
	ports := documentedPorts(t)
	for i := range blocks {
		blocks[i] = ports.in(blocks[i])
	}
	start, bridges, first, look, kill, clean := blocks[0], blocks[1], blocks[2], blocks[4], blocks[5], blocks[6]
	terminal := openTerminal(t)
	terminal.enter(t, start)
	terminal.enter(t, bridges)
	for n := 1; n <= 3; n++ {
		awaitAnswer(t, ports.in(fmt.Sprintf("http://127.0.0.1:909%d/routes", n)), `"state": "served"`)
	}
	terminal.enter(t, first)
	awaitAnswer(t, ports.in("http://127.0.0.1:9091/cluster"), `"role": "owner"`)

	tailed := terminal.second(t, blocks[3])
	tailed.read(t, 5)
	awaitAnswer(t, ports.in("http://127.0.0.1:9092/cluster"), `"role": "follower"`)
	seen := terminal.enter(t, look)
	assert.Contains(t, seen, `"role": "owner"`)
	assert.Contains(t, seen, `"role": "follower"`)

	page := openPage(t, ports.in("http://127.0.0.1:8083"))
	page.events(t, 5)
	terminal.enter(t, kill)
	_, err := http.Get(ports.in("http://127.0.0.1:8081/tape"))
	require.Error(t, err, "the owner is gone")
	tailed.read(t, 20)
	page.events(t, 20)
	assert.Contains(t, terminal.enter(t, look), `"role": "owner"`, "another bridge owns the stream")
	page.unharmed(t)
	terminal.enter(t, clean)
}

// ports replaces those of the page that another program on this machine has.
type ports map[string]string

// documentedPorts returns what has to be replaced. The page has the first digits of ports that a loop completes.
func documentedPorts(t *testing.T) ports {
	t.Helper()
	instead := ports{}
	for begin, ends := range map[string][]string{"4222": {""}, "50051": {""}, "808": {"1", "2", "3"}, "909": {"1", "2", "3"}} {
		actual := begin
		for tries := 0; !areFree(actual, ends); tries++ {
			require.Less(t, tries, 100, "there are free ports")
			actual = fmt.Sprint(2000 + rand.IntN(1000)) // with another digit, below those that the kernel chooses
			if len(ends) == 1 {
				actual += "0"
			}
		}
		if actual != begin {
			instead[begin] = actual
		}
	}
	return instead
}

func areFree(begin string, ends []string) bool {
	for _, end := range ends {
		lis, err := net.Listen("tcp", "127.0.0.1:"+begin+end)
		if err != nil || lis.Close() != nil {
			return false
		}
	}
	return true
}

// in returns a text with the ports that are used.
func (p ports) in(text string) string {
	for begin, actual := range p {
		text = strings.ReplaceAll(text, "127.0.0.1:"+begin, "127.0.0.1:"+actual)
		text = strings.ReplaceAll(text, "-p "+begin, "-p "+actual)
		text = strings.ReplaceAll(text, "ADMIN="+begin, "ADMIN="+actual)
	}
	return text
}

// awaitAnswer waits until a page answers with a text.
func awaitAnswer(t *testing.T, url, text string) {
	t.Helper()
	require.Eventually(t, func() bool {
		resp, err := http.Get(url)
		if err != nil {
			return false
		}
		body, err := io.ReadAll(resp.Body)
		return err == nil && resp.Body.Close() == nil && strings.Contains(string(body), text)
	}, patience, 20*time.Millisecond, "%s answers with %s", url, text)
}

// tailed is what `grpcsse tail` prints.
type tailed struct {
	lines *bufio.Scanner
	last  int
}

// eventLine is an event as `grpcsse tail` prints it, after the time.
var eventLine = regexp.MustCompile(`\bid=([0-9]+)\b`)

// read reads some events more, each with the id behind the last one, and nothing else.
func (s *tailed) read(t *testing.T, events int) {
	t.Helper()
	for range events {
		require.True(t, s.lines.Scan(), "the command goes on: %v", s.lines.Err())
		line := s.lines.Text()
		require.NotContains(t, line, "grpc-", "the bridge has nothing to say")
		found := eventLine.FindStringSubmatch(line)
		require.NotNil(t, found, "an event with an id: %s", line)
		var n int
		_, err := fmt.Sscan(found[1], &n)
		require.NoError(t, err)
		if s.last != 0 {
			require.Equal(t, s.last+1, n, "no id is missing")
		}
		s.last = n
	}
}
