package app_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crowdFigure is a JavaScript expression for a figure of the crowd.
func crowdFigure(name string) string {
	return fmt.Sprintf(`Number(document.querySelector("#crowd dd.%s").textContent.replaceAll(",", ""))`, name)
}

// eventuallyFigure waits until a figure of the crowd compares as wanted.
func eventuallyFigure(t *testing.T, tab context.Context, name, comparison string) {
	t.Helper()
	eventually(t, tab, crowdFigure(name)+" "+comparison)
}

func figure(t *testing.T, tab context.Context, name string) int {
	t.Helper()
	found, err := chromedp.Run(tab, chromedp.Evaluate[int](crowdFigure(name)))
	require.NoError(t, err)
	return found
}

func TestABrowserShowsACrowdThatOutlivesItsUpstream(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	tab, closeTab := openTab(t, browser, d.page+"?crowd=40")
	defer closeTab()
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "open"`)
	eventually(t, tab, `document.querySelector("#crowd .toggle").textContent === "Start 40"`)

	click(t, tab, "#crowd .toggle")
	eventuallyFigure(t, tab, "browsers", "=== 40")
	eventuallyFigure(t, tab, "deliveries", "> 200")
	eventually(t, tab, `document.querySelectorAll("#crowd .house .current").length === 40`)
	assert.Equal(t, 1, figure(t, tab, "streams"), "the gRPC server has one stream for all of them")

	click(t, tab, "#crowd .kill")
	eventuallyFigure(t, tab, "streams", "=== 0")
	eventually(t, tab, `document.querySelector("#crowd .verdict").textContent.includes("40 browsers stay connected")`)
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "stale"`) // said after five seconds
	before := figure(t, tab, "deliveries")
	click(t, tab, "#crowd .kill")
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "open"`)
	eventuallyFigure(t, tab, "deliveries", fmt.Sprintf("> %d", before+200))

	click(t, tab, "#crowd .stall")
	eventually(t, tab, `document.querySelectorAll("#crowd .house .stalled").length === 4`)
	click(t, tab, "#crowd .double")
	eventuallyFigure(t, tab, "browsers", "=== 80")
	eventually(t, tab, `document.querySelectorAll("#crowd .house .current").length === 76`)

	click(t, tab, "#crowd .toggle")
	eventually(t, tab, `document.querySelector("#crowd .state").dataset.state === "ended"`)
	assert.Zero(t, figure(t, tab, "browsers"))
	for _, name := range []string{"gaps", "repeats", "disorders", "resets"} {
		assert.Zero(t, figure(t, tab, name), name)
	}
}
