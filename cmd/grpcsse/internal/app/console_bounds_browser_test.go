package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// The page stays usable and bounded, however much comes.
func TestTheConsoleKeepsABoundedNumberOfEvents(t *testing.T) {
	runsOnce(t)
	browser := startBrowser(t)
	up, page := startNasty(t)
	tab := openRoute(t, browser, page+"-/console/", "GET /nasty.v1.Nasty/Watch")
	click(t, tab, "#go")
	call := up.NextCall("Watch")
	const total = 20_000
	batch := make([]string, 0, 1000)
	for n := 1; n <= total; n++ {
		batch = append(batch, fmt.Sprintf(`{"text": "event %d.", "f0": %d, "constructor": "k%d"}`, n, n, n%800))
		if len(batch) == cap(batch) {
			call.SendJSON(batch...)
			batch = batch[:0]
		}
	}
	eventually(t, tab, `document.querySelector("#count").textContent === "20000"`)
	eventually(t, tab, `document.querySelectorAll(".events li").length === 200 && document.querySelector(".events .body").textContent.includes("event 20000.")`)
	eventually(t, tab, `document.querySelector("#view-events").textContent.includes("keeps the newest 2000 events")`)
	set := func(words string) {
		eventually(t, tab, fmt.Sprintf(`(() => { const f = document.querySelector("#filter"); f.value = %q; f.dispatchEvent(new Event("input")); return true; })()`, words))
	}
	set("EVENT 18001.")
	eventually(t, tab, `document.querySelectorAll(".events li").length === 1`)
	set("event 18000.") // it is forgotten
	eventually(t, tab, `document.querySelectorAll(".events li").length === 0 && document.querySelector("#view-events .none").textContent === "No event has these words."`)
	set("")

	click(t, tab, "#tab-table")
	eventually(t, tab, `(() => { const key = document.querySelector("#key"); key.value = "constructor"; key.dispatchEvent(new Event("change")); return true; })()`)
	eventually(t, tab, `document.querySelectorAll(".keys tbody tr").length === 500`)
	click(t, tab, "#tab-events")

	call.SendJSON(`{"text": "` + strings.Repeat("x", 3<<20) + `"}`)
	eventually(t, tab, `document.querySelector("#count").textContent === "20001" && document.querySelector(".events .body").textContent.includes("xxx") && document.querySelector(".events .body").textContent.length < 500`)
	click(t, tab, ".events button")
	eventually(t, tab, `document.querySelector(".detail pre").textContent.length === 100001`)
	eventually(t, tab, `document.querySelectorAll("*").length < 12000`)
}
