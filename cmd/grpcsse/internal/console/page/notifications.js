// @ts-check

import { clock } from "./words.js";
import { make, part } from "./part.js";

/** How many notifications are kept. */
const kept = 8;

/**
 * The newest notifications.
 * @param {HTMLElement} section
 * @returns {import("./box.js").View}
 */
export function notificationsView(section) {
  const list = part(section, "ol.notifications");
  return {
    show(/** @type {{message: string, timestamp: string}} */ notification) {
      const item = make("li");
      item.append(make("time", "", clock(notification.timestamp)), make("span", "", notification.message));
      list.prepend(item);
      while (list.childElementCount > kept) list.lastElementChild?.remove();
    },
  };
}
