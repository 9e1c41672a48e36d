// @ts-check

/**
 * The one element inside root that the selector describes. That it is there, and of that type, is the page's promise.
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} [type]
 * @returns {T}
 */
export function part(root, selector, type) {
  const found = root.querySelector(selector);
  if (!(found instanceof (type ?? HTMLElement))) throw new Error(`the page has no ${selector}`);
  return /** @type {T} */ (found);
}

/**
 * A new element with a class and text. Text is text: nothing that a server sends is read as HTML.
 * @param {string} tag
 * @param {string} [className]
 * @param {string} [text]
 */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}
