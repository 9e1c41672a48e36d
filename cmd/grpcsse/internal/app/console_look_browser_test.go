package app_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// faults is a function of the page: what is wider than the window, and text whose contrast is below level AA of WCAG 2.2.
const faults = `(() => {
	const found = [];
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > width) found.push("the page is " + document.documentElement.scrollWidth + " wide");
	const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
	const light = ([r, g, b]) => [0.2126, 0.7152, 0.0722].reduce((sum, k, i) => {
		const c = [r, g, b][i] / 255;
		return sum + k * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
	}, 0);
	const grounds = new Map([[null, [255, 255, 255]]]);
	const ground = (e) => {
		if (!grounds.has(e)) {
			const c = parse(getComputedStyle(e).backgroundColor);
			grounds.set(e, c.length === 3 || c[3] > 0.99 ? c : ground(e.parentElement));
		}
		return grounds.get(e);
	};
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n = walk.nextNode(); n; n = walk.nextNode()) {
		const e = n.parentElement;
		if (!n.data.trim() || !e.checkVisibility({ checkVisibilityCSS: true }) || e.closest(".unseen, option, script")) continue;
		const style = getComputedStyle(e);
		if (style.opacity !== "1") found.push("transparent: " + n.data.slice(0, 30));
		const [a, b] = [light(parse(style.color)), light(ground(e))];
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) found.push(ratio.toFixed(2) + ": " + n.data.slice(0, 30) + " in " + e.className);
	}
	return found;
})()`

// eachLook calls look on a desk and a phone, in both themes.
func eachLook(t *testing.T, tab context.Context, look func(name string)) {
	t.Helper()
	for _, width := range []int64{1280, 390} {
		require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(width, 844)))
		for _, theme := range []string{"light", "dark"} {
			evaluate[bool](t, tab, `(document.documentElement.style.colorScheme = "`+theme+`") === "`+theme+`"`)
			eventually(t, tab, `document.getAnimations().length === 0`) // colours change gradually
			look(fmt.Sprintf("%d %s", width, theme))
		}
	}
}

// Nothing is wider than the window, and all text can be read.
func TestTheConsoleCanBeReadOnAnyScreen(t *testing.T) {
	runsOnce(t)
	t.Parallel()
	tab, closeTab := openTab(t, startBrowser(t), "about:blank", "404 (Not Found)") // there is no route /none
	defer closeTab()
	p := pageIn(tab, closeTab)
	up, page := startNastyRoutes(t, `
  - {path: "/organisations/{text}/departments/with/a/rather/long/path/that/goes/on/and/on/quotes", rpc: nasty.v1.Nasty/Watch, event: {id: text}}
  - {path: /paced, rpc: nasty.v1.Nasty/Watch, event: {id: text}, share: {late_join: none, pace: {every: 100ms, newest_by: text}}}
  - {path: /lost, rpc: nasty.v1.Nasty/NoSuchMethod}`)
	p.navigate(t, page+"#/route?id=GET+/organisations/{text}/departments/with/a/rather/long/path/that/goes/on/and/on/quotes")
	p.until(t, `document.querySelector("#go")`)
	set(t, p, "text", "x")
	p.click(t, "#go")
	call := up.NextCall("Watch")
	for n := range 5 {
		call.SendJSON(fmt.Sprintf(`{"text": "a-name-that-is-far-too-long-for-a-column-%d", "f0": %d, "labels": {"aVeryLongKeyWithoutAnyBreak": "x"}}`, n, n))
	}
	p.until(t, `document.querySelectorAll(".events li").length === 5`)
	for _, view := range []string{"#mode-data", "#mode-diff", "#mode-raw", "#tab-table", "#tab-code", "#tab-message"} {
		click(t, tab, view)
		eachLook(t, tab, func(name string) {
			assert.Empty(t, evaluate[[]string](t, tab, faults), "%s, %s", view, name)
		})
	}
	for _, hash := range []string{"", "#/route?id=GET+/lost", "#/route?id=GET+/none", "#/route?id=GET+/paced"} {
		require.NoError(t, chromedp.Do(tab, chromedp.Navigate("about:blank"), chromedp.Navigate(page+hash)))
		eventually(t, tab, `document.querySelector("main h1") && (location.hash !== "" || document.querySelector(".panels section"))`)
		eachLook(t, tab, func(name string) {
			assert.Empty(t, evaluate[[]string](t, tab, faults), "%s, %s", hash, name)
		})
	}
	tags := evaluate[[]string](t, tab, `[...document.querySelectorAll(".facts .tag")].map((tag) => tag.textContent)`)
	assert.Equal(t, []string{"shared", "every 100ms, newest by text"}, tags)
}

// The overview says that it waits, and its figures change in place: the focus stays.
func TestTheOverviewChangesInPlace(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	_, page := startNasty(t)
	tab, closeTab := openTab(t, browser, page)
	defer closeTab()
	eventually(t, tab, `document.querySelector("#wait")?.textContent.includes("figure every 5 seconds") && document.querySelector(".panels a")`)
	evaluate[bool](t, tab, `document.querySelector(".panels a").focus() === undefined`)
	evaluate[bool](t, tab, `(window.link = document.activeElement) && (window.before = document.querySelector(".panels .right small").textContent) && true`)
	eventually(t, tab, `document.querySelector(".panels .right small").textContent !== before && document.activeElement === link && link.isConnected`)
	assert.Empty(t, evaluate[string](t, tab, `document.querySelector("#live").getAttribute("role") || document.querySelector("#live").ariaLive || ""`), "what changes each second is not read out")
}

// The routes of an upstream that was down come into the open page, which says until then why there are none.
func TestTheConsoleFollowsAnUpstreamThatComes(t *testing.T) {
	t.Parallel()
	up := newNasty(t)
	up.Kill()
	page := "http://" + startServe(t, "--upstream", up.Addr, "--listen", "127.0.0.1:0")(`msg=listening address=(\S+)`) + "/-/console/"
	tab, closeTab := openTab(t, startBrowser(t), page+"#/route?id=GET+/nasty.v1.Nasty/Watch", "404 (Not Found)")
	defer closeTab()
	eventually(t, tab, `document.querySelector("main h1")?.textContent === "No such route"`)
	click(t, tab, "#home")
	eventually(t, tab, `document.querySelector(".panels")?.textContent.includes("which is not read yet")`)
	up.Restart()
	eventually(t, tab, `document.querySelector("#routes a") && document.querySelector(".panels .grid a")`)
}
