package app_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
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
	const ground = (e) => {
		for (; e; e = e.parentElement) {
			const c = parse(getComputedStyle(e).backgroundColor);
			if (c.length === 3 || c[3] > 0.99) return c;
		}
		return [255, 255, 255];
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
	browser := startBrowser(t)
	up, page := startNastyRoutes(t, `
  - {path: "/organisations/{text}/departments/with/a/rather/long/path/that/goes/on/and/on/quotes", rpc: nasty.v1.Nasty/Watch, event: {id: text}}
  - {path: /lost, rpc: nasty.v1.Nasty/NoSuchMethod}`)
	tab := openRoute(t, browser, page, "GET /organisations/{text}/departments/with/a/rather/long/path/that/goes/on/and/on/quotes",
		"404 (Not Found)") // there is no route /none
	set(t, tab, "text", "x")
	click(t, tab, "#go")
	call := up.NextCall("Watch")
	for n := range 5 {
		call.SendJSON(fmt.Sprintf(`{"text": "a-name-that-is-far-too-long-for-a-column-%d", "f0": %d, "labels": {"aVeryLongKeyWithoutAnyBreak": "x"}}`, n, n))
	}
	eventually(t, tab, `document.querySelectorAll(".events li").length === 5`)
	for _, view := range []string{"#mode-data", "#mode-diff", "#mode-raw", "#tab-table", "#tab-code", "#tab-message"} {
		click(t, tab, view)
		eachLook(t, tab, func(name string) {
			assert.Empty(t, evaluate[[]string](t, tab, faults), "%s, %s", view, name)
		})
	}
	for _, hash := range []string{"", "#/route?id=GET+/lost", "#/route?id=GET+/none"} {
		require.NoError(t, chromedp.Do(tab, chromedp.Navigate("about:blank"), chromedp.Navigate(page+hash)))
		eventually(t, tab, `document.querySelector("main h1") && (location.hash !== "" || document.querySelector(".panels section"))`)
		eachLook(t, tab, func(name string) {
			assert.Empty(t, evaluate[[]string](t, tab, faults), "%s, %s", hash, name)
		})
	}
}

// press presses keys.
func press(t *testing.T, tab context.Context, keys string) {
	t.Helper()
	require.NoError(t, chromedp.Do(tab, chromedp.KeyEvent(keys)))
}

// The keyboard reaches everything, shows where it is, and does what is expected.
func TestTheConsoleByKeyboard(t *testing.T) {
	runsOnce(t)
	browser := startBrowser(t)
	up, page := startNasty(t)
	tab := openRoute(t, browser, page+"-/console/", "GET /nasty.v1.Nasty/Watch")
	press(t, tab, "/")
	eventually(t, tab, `document.activeElement.id === "find"`)
	press(t, tab, "nasty"+kb.Enter)
	eventually(t, tab, `document.activeElement.id === "main"`) // the page of the route is read from its beginning
	evaluate[bool](t, tab, `document.querySelector("#in-0").focus() === undefined`)
	press(t, tab, "one"+kb.Enter)
	call := up.NextCall("Watch")
	call.ExpectRequest(`{"text": "one"}`)
	press(t, tab, "2"+kb.Enter) // again, with the new value
	call.ExpectCancel()
	call = up.NextCall("Watch")
	call.ExpectRequest(`{"text": "one2"}`)
	call.SendJSON(`{"text": "x"}`)
	eventually(t, tab, `document.querySelectorAll(".events li").length === 1`)

	// Each stop of the Tab key is seen, and no control is left out.
	evaluate[bool](t, tab, `document.querySelector("#skip").focus() === undefined`)
	wanted := `[...document.querySelectorAll('a[href], button, input, select, textarea, summary, pre[tabindex="0"], [tabindex="0"]')].filter((e) => e.tabIndex >= 0 && e.checkVisibility())`
	evaluate[bool](t, tab, `(window.stops = new Set([document.activeElement])) && true`)
	for range evaluate[int](t, tab, wanted+`.length`) + 3 {
		press(t, tab, kb.Tab)
		seen := evaluate[string](t, tab, `(() => { const e = document.activeElement; stops.add(e); const s = getComputedStyle(e);
			return e === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 ? "" : e.outerHTML.slice(0, 120); })()`)
		require.Empty(t, seen, "the focus is not seen")
	}
	assert.Empty(t, evaluate[[]string](t, tab, wanted+`.filter((e) => !stops.has(e)).map((e) => e.outerHTML.slice(0, 120))`), "Tab does not reach them")
	assert.Empty(t, evaluate[[]string](t, tab, wanted+`.filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length)).map((e) => e.outerHTML.slice(0, 120))`), "they have no name")

	evaluate[bool](t, tab, `document.querySelector(".events button").focus() === undefined`)
	press(t, tab, kb.Enter)
	eventually(t, tab, `document.querySelector(".events .detail") && document.activeElement.getAttribute("aria-expanded") === "true"`)
	press(t, tab, kb.Escape)
	eventually(t, tab, `!document.querySelector(".events .detail") && document.activeElement.className === "line"`)
	evaluate[bool](t, tab, `document.querySelector("#filter").focus() === undefined`)
	press(t, tab, "none")
	eventually(t, tab, `document.querySelectorAll(".events li").length === 0`)
	press(t, tab, kb.Escape)
	eventually(t, tab, `document.querySelectorAll(".events li").length === 1 && document.querySelector("#filter").value === ""`)
	evaluate[bool](t, tab, `document.querySelector("#tab-events").focus() === undefined`)
	press(t, tab, kb.ArrowLeft)
	eventually(t, tab, `document.activeElement.id === "tab-message" && !document.querySelector("#view-message").hidden`)
	press(t, tab, kb.Home)
	eventually(t, tab, `document.activeElement.id === "tab-events"`)
	evaluate[bool](t, tab, `document.querySelector("#skip").focus() === undefined`)
	press(t, tab, kb.Enter)
	eventually(t, tab, `document.activeElement.id === "main" && location.hash.startsWith("#/route")`)
}

// The overview says that it waits, and its figures change in place: the focus stays.
func TestTheOverviewChangesInPlace(t *testing.T) {
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
