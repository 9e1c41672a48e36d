// @ts-check

import { activityView } from "./activity.js";
import { Box } from "./box.js";
import { countView } from "./count.js";
import { crowdView } from "./crowd.js";
import { faultView } from "./fault.js";
import { jobView } from "./job.js";
import { notificationsView } from "./notifications.js";
import { part } from "./part.js";
import { quotesView } from "./quotes.js";

/** @param {string} id */
const section = (id) => part(document, `#${id}`);

/** @type {Box[]} */
const boxes = [];

/**
 * @param {string} id
 * @param {(section: HTMLElement) => import("./box.js").View} view
 */
function box(id, view) {
  const each = new Box(section(id), view(section(id)), budget);
  boxes.push(each);
  return each;
}

/** Shows how many of the browser's connections the page holds. */
function budget() {
  const used = boxes.filter((each) => each.connection.active).length;
  part(document, "#budget-count").textContent = String(used);
  document.querySelectorAll("#budget .dots i").forEach((dot, i) => dot.classList.toggle("used", i < used));
}

const activity = box("activity", (s) => activityView(s, (a) => {
  for (const each of boxes) if (each.rpc === a.rpc) each.upstream(a);
}));
const quotes = box("quotes", quotesView);
box("crowd", crowdView);
box("notifications", notificationsView);
box("job", jobView);
box("count", countView);
const fault = box("fault", (s) => faultView(s, () => fault.showURL()));

// One stream opens by itself: the quotes. The log of what happens upstream opens before it, so as to see it arrive.
let waiting = true;
activity.changed = () => {
  budget();
  if (!waiting || activity.connection.state === "connecting") return;
  waiting = false;
  quotes.start();
};
activity.start();

// A page that was navigated away from may be kept for a minute, and with it its streams: six such pages, and HTTP/1.1 has no
// connection left for the seventh. So they are closed when the page goes, and opened again should it come back.
addEventListener("pagehide", () => boxes.forEach((each) => each.suspend()));
addEventListener("pageshow", (event) => {
  if (event.persisted) boxes.forEach((each) => each.resume());
});
