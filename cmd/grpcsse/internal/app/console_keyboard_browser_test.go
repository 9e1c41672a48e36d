package app_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The keyboard reaches everything, shows where it is, and does what is expected.
func TestTheConsoleByKeyboard(t *testing.T) {
	inEachBrowser(t, func(t *testing.T, open opener) {
		up, page := startNasty(t)
		p := openRoute(t, open, page+"-/console/", "GET /nasty.v1.Nasty/Watch")
		p.press(t, "/")
		p.until(t, `document.activeElement.id === "find"`)
		p.press(t, "nasty"+keyEnter)
		p.until(t, `document.activeElement.id === "main"`) // the page of the route is read from its beginning
		worth[bool](t, p, `document.querySelector("#in-0").focus() === undefined`)
		p.press(t, "one"+keyEnter)
		call := up.NextCall("Watch")
		call.ExpectRequest(`{"text": "one"}`)
		p.press(t, "2"+keyEnter) // again, with the new value
		call.ExpectCancel()
		call = up.NextCall("Watch")
		call.ExpectRequest(`{"text": "one2"}`)
		call.SendJSON(`{"text": "x"}`)
		p.until(t, `document.querySelectorAll(".events li").length === 1`)

		// Each stop of the Tab key is seen, and no control is left out.
		worth[bool](t, p, `document.querySelector("#skip").focus() === undefined`)
		wanted := `[...document.querySelectorAll('a[href], button, input, select, textarea, summary, pre[tabindex="0"], [tabindex="0"]')].filter((e) => e.tabIndex >= 0 && e.checkVisibility())`
		worth[bool](t, p, `(window.stops = new Set([document.activeElement])) && true`)
		for range worth[int](t, p, wanted+`.length`) + 3 {
			p.press(t, keyTab)
			seen := worth[string](t, p, `(() => { const e = document.activeElement; stops.add(e); const s = getComputedStyle(e);
				return e === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 ? "" : e.outerHTML.slice(0, 120); })()`)
			require.Empty(t, seen, "the focus is not seen")
		}
		assert.Empty(t, worth[[]string](t, p, wanted+`.filter((e) => !stops.has(e)).map((e) => e.outerHTML.slice(0, 120))`), "Tab does not reach them")
		assert.Empty(t, worth[[]string](t, p, wanted+`.filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length)).map((e) => e.outerHTML.slice(0, 120))`), "they have no name")

		worth[bool](t, p, `document.querySelector(".events button").focus() === undefined`)
		p.press(t, keyEnter)
		p.until(t, `document.querySelector(".events .detail") && document.activeElement.getAttribute("aria-expanded") === "true"`)
		p.press(t, keyEscape)
		p.until(t, `!document.querySelector(".events .detail") && document.activeElement.className === "line"`)
		worth[bool](t, p, `document.querySelector("#filter").focus() === undefined`)
		p.press(t, "none")
		p.until(t, `document.querySelectorAll(".events li").length === 0`)
		p.press(t, keyEscape)
		p.until(t, `document.querySelectorAll(".events li").length === 1 && document.querySelector("#filter").value === ""`)
		worth[bool](t, p, `document.querySelector("#tab-events").focus() === undefined`)
		p.press(t, keyLeft)
		p.until(t, `document.activeElement.id === "tab-message" && !document.querySelector("#view-message").hidden`)
		p.press(t, keyHome)
		p.until(t, `document.activeElement.id === "tab-events"`)
		worth[bool](t, p, `document.querySelector("#skip").focus() === undefined`)
		p.press(t, keyEnter)
		p.until(t, `document.activeElement.id === "main" && location.hash.startsWith("#/route")`)
	})
}
