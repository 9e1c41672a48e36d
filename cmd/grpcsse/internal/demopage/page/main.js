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
import { Server } from "./server.js";

/** @param {string} id */
const section = (id) => part(document, `#${id}`);

/** @type {Box[]} */
const boxes = [];

const server = new Server((running) => boxes.forEach((each) => each.server(running)));

/** How many connections an HTTP/1.1 browser grants one host. The page keeps one of them for its buttons. */
const granted = 6;
const navigation = performance.getEntriesByType("navigation")[0];
const unlimited = navigation instanceof PerformanceNavigationTiming && /^h[23]/.test(navigation.nextHopProtocol);

const used = () => boxes.filter((each) => each.connection.active).length;

let begun = false;

/** @type {import("./box.js").Page} */
const page = {
  changed(box) {
    part(document, "#budget-count").textContent = String(used());
    document.querySelectorAll("#budget .dots i").forEach((dot, i) => dot.classList.toggle("used", i < used()));
    // One stream opens by itself: the quotes. The log of what happens upstream opens before it, so as to see it arrive.
    if (!begun && box === activity && box.connection.state !== "connecting") {
      begun = true;
      quotes.start();
    }
    // What a stream goes through may be due to the gRPC server, which another page may have killed.
    if (["stale", "retrying", "open"].includes(box.connection.state) && "resumes" in box.section.dataset) void server.look();
  },
  full() {
    if (unlimited || used() < granted - 1) return "";
    return "No connection is left: HTTP/1.1 browsers grant one host six, and the last is for the buttons. Stop a stream first.";
  },
};
part(document, "#budget").hidden = unlimited;

/**
 * @param {string} id
 * @param {(section: HTMLElement) => import("./box.js").View} view
 */
function box(id, view) {
  const each = new Box(section(id), view(section(id)), page);
  boxes.push(each);
  return each;
}

const activity = box("activity", (s) => activityView(s, (a) => {
  for (const each of boxes) if (each.rpc === a.rpc) each.upstream(a);
}));
const quotes = box("quotes", quotesView);
box("crowd", (s) => crowdView(s, server));
box("notifications", notificationsView);
box("job", jobView);
box("count", countView);
const fault = box("fault", (s) => faultView(s, () => fault.showURL()));

activity.start();

// A page that was navigated away from may be kept for a minute, and with it its streams: six such pages, and HTTP/1.1 has no
// connection left for the seventh. So they are closed when the page goes, and opened again should it come back.
addEventListener("pagehide", () => boxes.forEach((each) => each.suspend()));
addEventListener("pageshow", (event) => {
  if (event.persisted) boxes.forEach((each) => each.resume());
});
