// @ts-check
// The only place where elements are made. What comes from outside becomes text, never markup.
import { pieces } from "./text.js";

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] attributes; "text" is the text content, "on…" is a listener, null leaves one out
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") /** @type {any} */ (node).value = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) node.append(child);
  return node;
}

/** @param {string} tag @param {Record<string, any>} attributes @param {...Node} children */
export function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** @param {Element} node @param {...(Node | string | null | undefined | false)} children */
export function fill(node, ...children) {
  node.replaceChildren(.../** @type {any[]} */ (children.filter(Boolean)));
}

/**
 * Makes a tree like another one, and keeps what is alike: the focus, the selection and the places of scroll bars stay. Neither tree
 * has listeners.
 * @param {Element} node @param {Element} wanted
 */
export function patch(node, wanted) {
  for (const { name } of [...node.attributes]) if (!wanted.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  const next = [...wanted.childNodes];
  next.forEach((child, i) => {
    const old = node.childNodes[i];
    if (!old) node.append(child);
    else if (old.nodeName !== child.nodeName) old.replaceWith(child);
    else if (child instanceof Element) patch(/** @type {Element} */ (old), child);
    else if (old.nodeValue !== child.nodeValue) old.nodeValue = child.nodeValue;
  });
  while (node.childNodes.length > next.length) node.lastChild?.remove();
}

/**
 * The pieces of a path, a name or an address, with a place for a line break behind each.
 * @param {string} text
 */
export const breakable = (text) => pieces(text).flatMap((piece) => [piece, el("wbr")]);

/** @param {number} n */
export function short(n) {
  if (n < 1000) return n < 10 && n % 1 !== 0 ? n.toFixed(1) : String(Math.round(n));
  for (const unit of ["k", "M", "G"]) {
    n /= 1000;
    if (n < 1000 || unit === "G") return (n < 10 ? n.toFixed(1) : String(Math.round(n))) + " " + unit;
  }
  return "";
}

/** @param {number} n */
export function bytes(n) {
  if (n < 1024) return `${Math.round(n)} B`;
  for (const unit of ["KiB", "MiB", "GiB", "TiB"]) {
    n /= 1024;
    if (n < 1024 || unit === "TiB") return (n < 10 ? n.toFixed(1) : String(Math.round(n))) + " " + unit;
  }
  return "";
}

/** @param {number} ms */
export function ago(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

/** @param {Date} at */
export function clock(at) {
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** @param {string} text @param {HTMLElement} button */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // without a secure context there is no clipboard
    const area = el("textarea", { class: "unseen", value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.dataset.label ??= button.textContent ?? "";
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = button.dataset.label ?? ""; }, 1200);
}
