package app_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listenToTheTape makes the page listen to the shared route, and write down the ids that it gets and the resets that it is
// told.
const listenToTheTape = `(() => {
	window.list = [];
	window.resets = [];
	const source = new EventSource(new URL("/tape", document.URL));
	source.onmessage = (e) => { window.list.push(Number(e.lastEventId)); };
	source.addEventListener("grpc-reset", (e) => { window.resets.push(e.data); });
	return true;
})()`

// TestABrowserKeepsItsPlaceWhenTheBridgeIsRestarted replaces the bridge behind the demo's page and its crowd while events flow,
// first as a deploy does, and then as kill -9 does.
func TestABrowserKeepsItsPlaceWhenTheBridgeIsRestarted(t *testing.T) {
	t.Parallel()
	for _, name := range browsers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDemo(t)
			// A bridge that is killed sends no end. What Chromium then says depends on how far each request had come.
			p := startIn(t, name)(t, d.page+"?crowd=30", "net::ERR_")
			p.until(t, `document.querySelector("#quotes .state").dataset.state === "open"`)
			require.True(t, worth[bool](t, p, listenToTheTape))
			press := func(button string) {
				t.Helper()
				require.True(t, worth[bool](t, p, `document.querySelector("#crowd `+button+`").click() === undefined`))
			}
			press(".toggle")
			p.until(t, crowdFigure("deliveries")+` > 200 && window.list.length > 10`)

			resumed := ""
			for i, button := range []string{".restart", ".crash"} {
				had := worth[int](t, p, "window.list.length")
				press(button)
				p.until(t, fmt.Sprintf(`%s >= %d`, crowdFigure("reconnects"), 30*(i+1)))
				p.until(t, `document.querySelectorAll("#crowd .house .current").length === 30`)
				p.until(t, fmt.Sprintf(`window.list.length > %d`, had+20))
				p.until(t, `/^gRPC stream #\d+ is open\.$/.test(document.querySelector("#crowd .said").textContent)`) // the one that stays
				verdict := `document.querySelector("#quotes .verdict").textContent`
				p.until(t, fmt.Sprintf(`%s !== %q && %s.endsWith("nothing was lost.")`, verdict, resumed, verdict))
				resumed = worth[string](t, p, verdict)
			}

			list := worth[[]int64](t, p, "window.list")
			for i := range list {
				require.Equal(t, list[0]+int64(i), list[i], "the page's list has no gap and no repeat: %v", list)
			}
			assert.Empty(t, worth[[]string](t, p, "window.resets"))
			assert.Equal(t, "Every browser has every event, once and in order.",
				worth[string](t, p, `document.querySelector("#crowd .verdict").textContent`))
			for _, name := range []string{"gaps", "repeats", "disorders", "resets"} {
				assert.Zero(t, worth[int](t, p, crowdFigure(name)), name)
			}
		})
	}
}
