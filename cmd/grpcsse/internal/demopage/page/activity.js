// @ts-check

import { clock, count, seconds } from "./words.js";
import { make, part } from "./part.js";

/**
 * One thing that happened to a stream of the gRPC server.
 * @typedef {object} Activity
 * @property {string} time
 * @property {number} stream
 * @property {string} rpc
 * @property {string} peer
 * @property {{}} [opened]
 * @property {{after: string, messages: number}} [cancelled]
 * @property {{after: string, messages: number, code: string}} [ended]
 * @property {{note: string}} [cleanedUp]
 */

/** How many lines are kept. */
const kept = 120;

/**
 * The log of what happens upstream.
 * @param {HTMLElement} section
 * @param {(activity: Activity) => void} tell called with everything that happened
 * @returns {import("./box.js").View}
 */
export function activityView(section, tell) {
  const list = part(section, "ol.activity");

  /**
   * Adds a line by its time: what the bridge fetched after an outage is older than the outage's end.
   * @param {HTMLElement} item
   * @param {string} time
   */
  function add(item, time) {
    const at = Date.parse(time);
    item.dataset.at = String(at);
    const lines = /** @type {HTMLElement[]} */ ([...list.children]);
    list.insertBefore(item, lines.find((line) => Number(line.dataset.at) <= at) ?? null);
    while (list.childElementCount > kept) list.lastElementChild?.remove();
  }

  return {
    names: ["opened", "cancelled", "ended", "cleaned_up"],
    show(/** @type {Activity} */ activity, type) {
      add(line(activity, type), activity.time);
      tell(activity);
    },
    server(running) {
      const now = new Date().toISOString();
      const item = make("li", running ? "restarted" : "killed");
      item.append(
        make("span", "what", running ? "restarted" : "killed"),
        make("span", "number"),
        make("time", "", clock(now)),
        make("span", "detail", running ? "The gRPC server is back." : "The gRPC server is dead. What it did last is told when it is back."),
      );
      add(item, now);
    },
  };
}

/**
 * @param {Activity} activity
 * @param {string} type
 */
function line(activity, type) {
  const failed = activity.ended !== undefined && activity.ended.code !== "OK";
  const item = make("li", failed ? "failed" : type);
  item.append(
    make("span", "what", what(activity)),
    make("span", "number", `#${activity.stream}`),
    make("time", "", clock(activity.time)),
    make("span", "detail", detail(activity)),
  );
  item.title = `${activity.rpc}, called from ${activity.peer}`;
  return item;
}

/** @param {Activity} activity */
function what(activity) {
  if (activity.opened) return "opened";
  if (activity.cancelled) return "cancelled";
  if (activity.ended) return `ended: ${activity.ended.code}`;
  return "cleaned up";
}

/** @param {Activity} activity */
function detail(activity) {
  if (activity.cleanedUp) return activity.cleanedUp.note;
  const method = activity.rpc.slice(activity.rpc.lastIndexOf(".") + 1);
  const end = activity.cancelled ?? activity.ended;
  return end ? `${method}, ${count(end.messages, "message")} in ${seconds(end.after)}` : method;
}
