// @ts-check

import { clock } from "./words.js";
import { make, part } from "./part.js";

/**
 * The newest notifications, as many as there is room for.
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
      while (list.childElementCount > 1 && list.scrollHeight > list.clientHeight) list.lastElementChild?.remove();
    },
  };
}
