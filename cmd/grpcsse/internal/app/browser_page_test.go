package app_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// evaluate returns what a JavaScript expression is worth.
func evaluate[T any](t *testing.T, tab context.Context, expression string) T {
	t.Helper()
	found, err := chromedp.Run(tab, chromedp.Evaluate[T](expression))
	require.NoError(t, err, "%s", expression)
	return found
}

// eventuallySays waits until an element of the page has a text in it.
func eventuallySays(t *testing.T, tab context.Context, selector, text string) {
	t.Helper()
	eventually(t, tab, fmt.Sprintf(`document.querySelector(%q).textContent.includes(%q)`, selector, text))
}

func TestABrowserShowsAKillWithoutACrowd(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	tab, closeTab := openTab(t, browser, d.page)
	defer closeTab()
	eventuallySays(t, tab, "#quotes .said", "gRPC stream #1 is open")
	// What the box of the quotes says from here on, all of it.
	evaluate[bool](t, tab, `(() => {
		window.sentences = [];
		const said = document.querySelector("#quotes .said");
		new MutationObserver(() => window.sentences.push(said.textContent)).observe(said, { childList: true });
		document.querySelector("#crowd .kill").focus();
		return true;
	})()`)

	click(t, tab, "#crowd .kill")
	eventuallySays(t, tab, "#crowd .verdict", "The gRPC server is dead.")
	eventuallySays(t, tab, "#crowd .kill", "Restart the gRPC server")
	eventuallySays(t, tab, "#activity ol", "killed")
	eventuallySays(t, tab, "#quotes .said", "gRPC stream lost.")
	eventually(t, tab, `document.querySelector("#quotes .wire").dataset.far === "wait"`)
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "stale"`)
	assert.True(t, evaluate[bool](t, tab, `document.activeElement.matches("#crowd .kill")`), "the keyboard's focus stays")

	click(t, tab, "#crowd .kill")
	eventuallySays(t, tab, "#crowd .verdict", "The gRPC server is back.")
	eventuallySays(t, tab, "#crowd .kill", "Kill the gRPC server")
	eventuallySays(t, tab, "#quotes .said", "gRPC stream #2 is open")
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "open"`)
	eventually(t, tab, `document.querySelector("#quotes .wire").dataset.far === "live"`)
	eventuallySays(t, tab, "#activity ol", "ended: UNAVAILABLE")
	for _, sentence := range evaluate[[]string](t, tab, "window.sentences") {
		assert.NotContains(t, sentence, "ended", "the browser's stream has not ended")
	}
	assert.Equal(t, []string{"restarted", "killed", "failed"},
		evaluate[[]string](t, tab, `[...document.querySelectorAll("#activity li")].map((li) => li.className).filter((c) => c !== "opened")`),
		"the log is in the order of time, though the end of the stream is told last")
}

func TestAnotherTabOfTheBrowserSeesThatTheServerIsDead(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	one, closeOne := openTab(t, browser, d.page)
	defer closeOne()
	eventuallySays(t, one, "#quotes .said", "is open")
	click(t, one, "#crowd .kill")
	eventuallySays(t, one, "#crowd .kill", "Restart")

	other, closeOther := openTab(t, browser, d.page)
	defer closeOther()
	eventuallySays(t, other, "#crowd .kill", "Restart the gRPC server")
	eventuallySays(t, other, "#crowd .verdict", "The gRPC server is dead.")
	click(t, other, "#crowd .kill")
	eventuallySays(t, other, "#crowd .kill", "Kill the gRPC server")
	eventuallySays(t, one, "#crowd .kill", "Kill the gRPC server")
	eventually(t, one, `document.querySelector("#quotes .state").dataset.state === "open"`)
}

func TestTheButtonsHaveAConnectionOfTheBrowserForThemselves(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	tab, closeTab := openTab(t, browser, d.page+"?crowd=10")
	defer closeTab()
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "open"`)
	for _, id := range []string{"crowd", "notifications", "count"} {
		click(t, tab, "#"+id+" .toggle")
		eventually(t, tab, `document.querySelector("#`+id+` .state").dataset.state === "open"`)
	}
	for _, id := range []string{"job", "fault"} {
		click(t, tab, "#"+id+" .toggle")
		eventuallySays(t, tab, "#"+id+" .said", "No connection is left")
		assert.Equal(t, "idle", evaluate[string](t, tab, `document.querySelector("#`+id+` .state").dataset.state`))
	}
	assertConnections(t, tab, 5)
	assert.Equal(t, "5 of 6 connections", evaluate[string](t, tab, `document.querySelector("#budget .count").textContent`))

	click(t, tab, "#crowd .kill")
	eventuallySays(t, tab, "#crowd .verdict", "10 browsers stay connected, and wait.")
	click(t, tab, "#count .toggle")
	click(t, tab, "#fault .toggle")
	eventually(t, tab, `document.querySelector("#fault .state").dataset.state !== "idle"`)
	assertConnections(t, tab, 5)
}

func TestABrowserShowsNoPlaceToResumeAtAfterAFinalEnd(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	tab, closeTab := openTab(t, browser, d.page)
	defer closeTab()
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "open"`)
	evaluate[bool](t, tab, `(() => {
		const form = document.querySelector("#fault form");
		form.elements.messages.value = "1";
		form.elements.code.value = "NOT_FOUND";
		form.dispatchEvent(new Event("input"));
		return true;
	})()`)
	click(t, tab, "#fault .toggle")
	eventually(t, tab, `document.querySelector("#fault .state").dataset.state === "failed"`)
	assert.Equal(t, "none", evaluate[string](t, tab, `document.querySelector("#fault .last-id").textContent`))
	eventuallySays(t, tab, "#fault .said", "gRPC stream ended with NOT_FOUND.")
}

func TestABrowserShowsNoSignOfAChangeThatRoundsToNothing(t *testing.T) {
	runsOnce(t)
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	tab, closeTab := openTab(t, browser, d.page)
	defer closeTab()
	eventually(t, tab, `(window.loading ??= import("/page/words.js").then((m) => { window.words = m; }), window.words !== undefined)`)
	for _, test := range []struct {
		change, want string
	}{
		{"0", "0.00%"},
		{"-0", "0.00%"},
		{"-0.004", "0.00%"},
		{"0.004", "0.00%"},
		{"-0.006", "−0.01%"},
		{"0.006", "+0.01%"},
		{"-12.345", "−12.35%"},
		{"100", "+100.00%"},
	} {
		assert.Equal(t, test.want, evaluate[string](t, tab, "window.words.percent("+test.change+", 100)"), test.change)
	}
}

func TestThePageFitsANarrowBrowser(t *testing.T) {
	runsOnce(t)
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	tab, closeTab := openTab(t, browser, "about:blank")
	defer closeTab()
	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(390, 844), chromedp.Navigate(d.page+"?crowd=500")))
	eventually(t, tab, `document.querySelectorAll("#quotes tbody tr").length === 6`)
	click(t, tab, "#crowd .toggle")
	eventuallyFigure(t, tab, "browsers", "=== 500")
	eventuallyFigure(t, tab, "per-second", "> 1000")
	assert.LessOrEqual(t, evaluate[int](t, tab, "document.scrollingElement.scrollWidth"), 390, "nothing is cut off")
	assert.Len(t, evaluate[[]float64](t, tab,
		`[...new Set([...document.querySelectorAll("#crowd .figures dt")].map((dt) => dt.getBoundingClientRect().top))]`), 1,
		"the figures stand side by side")
	assert.Empty(t, evaluate[[]string](t, tab, `[...document.querySelectorAll("#crowd .figures :is(dt, dd)")]
		.filter((e) => e.getClientRects().length > 0 && e.scrollWidth > e.clientWidth).map((e) => e.textContent)`))
	width := func(selector string) float64 {
		return evaluate[float64](t, tab, `document.querySelector("`+selector+`").getBoundingClientRect().width`)
	}
	assert.Greater(t, width("#crowd .speed svg"), 300.0)
	assert.Greater(t, width("#quotes .trace"), 80.0)
}

// faint is a JavaScript function that lists the texts with a contrast below 4.5:1, and the lines and dots that say something
// with one below 3:1, as WCAG 2 has it.
const faint = `(() => {
	const once = (f) => { // keeps what f has found, since an element has many texts and many ancestors
		const found = new Map();
		return (e) => found.has(e) ? found.get(e) : found.set(e, f(e)).get(e);
	};
	const parse = (css) => { const [r, g, b, a = 1] = css.match(/[\d.]+(?=[^(]*?\))/g).map(Number); return { r, g, b, a }; };
	const over = (top, below) => Object.fromEntries(["r", "g", "b"].map((c) => [c, top.a * top[c] + (1 - top.a) * below[c]]));
	const behind = once((e) => {
		if (!e) return { r: 255, g: 255, b: 255 };
		const own = parse(getComputedStyle(e).backgroundColor);
		return own.a === 1 ? own : over(own, behind(e.parentElement));
	});
	const opacity = once((e) => e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1);
	const light = (c) => [[c.r, 0.2126], [c.g, 0.7152], [c.b, 0.0722]].reduce((sum, [v, share]) =>
		sum + share * (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4), 0);
	const ratio = (css, e, ground) => {
		const mark = parse(css);
		mark.a *= opacity(e);
		const [high, low] = [light(over(mark, ground)), light(ground)].sort((a, b) => b - a);
		return (high + 0.05) / (low + 0.05);
	};
	const faults = [];
	const check = (css, e, ground, least, what) => {
		const found = ratio(css, e, ground);
		if (found < least) faults.push(what + " " + found.toFixed(2) + ":1");
	};
	for (const details of document.querySelectorAll("details")) details.removeAttribute("name"), details.open = true;
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let node; node = texts.nextNode();) {
		const e = node.parentElement;
		if (!node.data.trim() || !e.checkVisibility() || e.closest(".unseen")) continue;
		check(getComputedStyle(e).color, e, behind(e), 4.5, e.closest("[id]")?.id + " " + e.className + " " + node.data.trim().slice(0, 30));
	}
	const graphics = {
		"borderTopColor": [".wire i", ".budget .dots i", ".grid i", ".bar", ".attempts .dot", "button", "input", "select"],
		"backgroundColor": [".bar i", ".house :is(.current, .stalled)"],
		"boxShadow": [".house .behind", ".house .away"],
		"color": [".trace", ".state"],
	};
	for (const [property, selectors] of Object.entries(graphics)) {
		for (const selector of selectors) {
			for (const e of document.querySelectorAll(selector)) {
				check(getComputedStyle(e)[property], e, behind(e.parentElement), 3, selector + " " + e.className);
			}
		}
	}
	return [...new Set(faults)];
})()`

func TestEverythingCanBeSeenInABrowserInTheLightAndInTheDark(t *testing.T) {
	runsOnce(t)
	t.Parallel()
	browser := startBrowser(t)
	d := startDemo(t)
	tab, closeTab := openTab(t, browser, d.page+"?crowd=40")
	defer closeTab()
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "open"`)
	look := func(moment string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			evaluate[bool](t, tab, `(document.documentElement.style.colorScheme = "`+scheme+`") !== ""`)
			assert.Empty(t, evaluate[[]string](t, tab, faint), "%s, %s", moment, scheme)
		}
	}
	look("at first")
	for _, id := range []string{"crowd", "job", "fault"} {
		click(t, tab, "#"+id+" .toggle")
	}
	eventually(t, tab, `document.querySelectorAll("#crowd .house .current").length === 40`)
	click(t, tab, "#crowd .stall")
	eventually(t, tab, `document.querySelectorAll("#crowd .house .stalled").length === 4`)
	evaluate[bool](t, tab, `["behind", "away"].every((seat, i) => document.querySelector("#crowd .house").children[i].className = seat)`)
	eventually(t, tab, `document.querySelectorAll("#fault .attempts .code").length >= 1`)
	look("all at once")
	click(t, tab, "#crowd .kill")
	eventually(t, tab, `document.querySelector("#quotes .state").dataset.state === "stale"`)
	look("without a server")
}
