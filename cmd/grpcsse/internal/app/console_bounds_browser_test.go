package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// The page stays usable and bounded, however much comes.
func TestTheConsoleKeepsABoundedNumberOfEvents(t *testing.T) {
	inEachBrowser(t, func(t *testing.T, open opener) {
		up, page := startNasty(t)
		p := openRoute(t, open, page+"-/console/", "GET /nasty.v1.Nasty/Watch")
		p.click(t, "#go")
		call := up.NextCall("Watch")
		const total = 5_000
		batch := make([]string, 0, 1000)
		for n := 1; n <= total; n++ {
			batch = append(batch, fmt.Sprintf(`{"text": "event %d.", "f0": %d, "constructor": "k%d"}`, n, n, n%800))
			if len(batch) == cap(batch) {
				call.SendJSON(batch...)
				batch = batch[:0]
			}
		}
		p.until(t, `document.querySelector("#count").textContent === "5000"`)
		p.until(t, `document.querySelectorAll(".events li").length === 200 && document.querySelector(".events .body").textContent.includes("event 5000.")`)
		p.until(t, `document.querySelector("#view-events").textContent.includes("keeps the newest 2000 events")`)
		set := func(words string) {
			p.until(t, fmt.Sprintf(`(() => { const f = document.querySelector("#filter"); f.value = %q; f.dispatchEvent(new Event("input")); return true; })()`, words))
		}
		set("EVENT 3001.")
		p.until(t, `document.querySelectorAll(".events li").length === 1`)
		set("event 3000.") // it is forgotten
		p.until(t, `document.querySelectorAll(".events li").length === 0 && document.querySelector("#view-events .none").textContent === "No event has these words."`)
		set("")

		p.click(t, "#tab-table")
		p.until(t, `(() => { const key = document.querySelector("#key"); key.value = "constructor"; key.dispatchEvent(new Event("change")); return true; })()`)
		p.until(t, `document.querySelectorAll(".keys tbody tr").length === 500`)
		p.click(t, "#tab-events")

		call.SendJSON(`{"text": "` + strings.Repeat("x", 3<<20) + `"}`)
		p.until(t, `document.querySelector("#count").textContent === "5001" && document.querySelector(".events .body").textContent.includes("xxx") && document.querySelector(".events .body").textContent.length < 500`)
		p.click(t, ".events button")
		p.until(t, `document.querySelector(".detail pre").textContent.length === 100001`)
		p.until(t, `document.querySelectorAll("*").length < 12000`)
	})
}
