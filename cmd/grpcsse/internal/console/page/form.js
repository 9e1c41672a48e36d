// @ts-check
import { el } from "./dom.js";
import { flow } from "./text.js";

/** What a value of a kind looks like. @type {Map<string, string>} */
const examples = new Map([
  ["timestamp", "2026-01-02T15:04:05Z"], ["duration", "1.5s"], ["bytes", "base64"], ["field mask", "price,symbol"],
  ["int32", "0"], ["int64", "0"], ["uint32", "0"], ["uint64", "0"], ["float", "0"], ["double", "0"],
]);
const whole = new Set(["int32", "int64", "uint32", "uint64"]);

/**
 * The form of a route. Its state is a URLSearchParams: p.NAME for path variables, q.NAME for parameters, body.
 */
export class Form {
  /** @param {any} detail @param {URLSearchParams} state @param {() => void} changed */
  constructor(detail, state, changed) {
    this.detail = detail;
    this.changed = changed;
    /** @type {{field: any, box: any, read: () => string[], fault: HTMLElement}[]} */
    this.inputs = [];
    this.node = el("div", { class: "fields" });
    let group = "", into = this.node;
    for (const field of detail.fields) {
      if ((field.group || "") !== group) {
        group = field.group || "";
        into = group ? el("fieldset", {}, el("legend", { text: group }), doc(field.group_doc)) : this.node;
        if (group) this.node.append(into);
      }
      into.append(this.input(field, state.getAll(`${field.in === "path" ? "p" : "q"}.${field.name}`)));
    }
    if (detail.body) this.node.append(this.bodyInput(state.get("body") ?? detail.body));
    if (!detail.fields.length && !detail.body) this.node.append(el("p", { class: "none", text: detail.ready ? "The request has no fields to set." : "The fields of the request are not known." }));
  }

  /** @param {any} field @param {string[]} values */
  input(field, values) {
    const id = `in-${this.inputs.length}`;
    const fault = el("small", { class: "fault", id: `${id}-fault` });
    const label = el("label", { for: id }, el("span", { class: "name", text: field.name.slice(field.group ? field.group.length + 1 : 0) || field.name }),
      el("span", { class: "kind", text: (field.repeated ? "list of " : "") + field.kind }),
      field.in === "path" ? el("span", { class: "tag", text: "path" }) : null,
      field.oneof ? el("span", { class: "tag", text: `one of ${field.oneof}`, title: "Set at most one of these." }) : null,
      field.deprecated ? el("span", { class: "tag bad", text: "deprecated" }) : null);
    const common = { id, "aria-describedby": `${id}-fault`, "aria-required": field.in === "path" ? "true" : null };
    let box, read;
    if (field.repeated) {
      box = el("textarea", { ...common, rows: "2", placeholder: "one value a line", spellcheck: "false", value: values.join("\n") });
      read = () => /** @type {string[]} */ (box.value.split("\n")).filter((line) => line !== "");
    } else if (field.kind === "bool" || field.values) {
      const options = field.kind === "bool" ? [{ name: "true" }, { name: "false" }] : field.values;
      box = el("select", common, el("option", { value: "", text: field.kind === "bool" ? "not set" : `not set${field.values[0] ? ` (${field.values[0].name})` : ""}` }),
        ...options.map((/** @type {any} */ o) => el("option", { value: o.name, text: o.name, title: o.doc || null })));
      box.value = values[0] ?? "";
      read = () => box.value === "" ? [] : [box.value];
    } else {
      box = el("input", { ...common, type: "text", inputmode: whole.has(field.kind) ? "numeric" : null, autocomplete: "off", spellcheck: "false",
        placeholder: field.default || examples.get(field.kind) || "", value: values[0] ?? "" });
      read = () => box.value === "" ? [] : [box.value];
    }
    const entry = { field, box, read, fault };
    box.addEventListener("input", () => { this.check(entry, false); this.changed(); });
    this.inputs.push(entry);
    return el("div", { class: "field" }, label, box, fault, doc(field.doc));
  }

  /** @param {string} text */
  bodyInput(text) {
    const fault = el("small", { class: "fault", id: "body-fault" });
    this.body = el("textarea", { id: "body", class: "json", rows: "12", spellcheck: "false", "aria-describedby": "body-fault", value: text });
    this.bodyFault = fault;
    this.body.addEventListener("input", () => { fault.textContent = ""; this.changed(); });
    return el("div", { class: "field" }, el("label", { for: "body" }, el("span", { class: "name", text: "body" }), el("span", { class: "kind", text: "JSON" })), this.body, fault);
  }

  /** @param {any} entry @param {boolean} strict */
  check({ field, box, read, fault }, strict) {
    let word = "";
    const values = read();
    if (strict && field.in === "path" && !values.length) word = "the path needs a value";
    for (const v of values) {
      if (whole.has(field.kind) && !/^-?\d+$/.test(v)) word = "expected a whole number";
      else if (field.kind.startsWith("uint") && v.startsWith("-")) word = "expected a number from 0";
      else if ((field.kind === "float" || field.kind === "double") && Number.isNaN(Number(v)) && v !== "NaN") word = "expected a number";
    }
    fault.textContent = word;
    box.setAttribute("aria-invalid", String(word !== ""));
    return word === "";
  }

  /** Checks all inputs, and moves the focus to the first that is wrong. */
  valid() {
    const wrong = this.inputs.filter((entry) => !this.check(entry, true));
    if (wrong.length) wrong[0].box.focus();
    if (this.body) {
      try { JSON.parse(this.body.value); } catch (error) {
        /** @type {any} */ (this.bodyFault).textContent = /** @type {Error} */ (error).message;
        if (!wrong.length) this.body.focus();
        return false;
      }
    }
    return wrong.length === 0;
  }

  /** The path and the query of the request. A path variable without a value stays as it is. */
  target() {
    let path = this.detail.path;
    const query = new URLSearchParams();
    for (const { field, read } of this.inputs) {
      const values = read();
      if (field.in !== "path") for (const v of values) query.append(field.name, v);
      else if (values.length) path = path.replace(variable(field.name), (/** @type {string} */ m) => place(m, values[0]));
    }
    const text = query.toString();
    return path + (text ? `?${text}` : "");
  }

  /** @returns {URLSearchParams} the state for a link */
  state() {
    const state = new URLSearchParams({ id: this.detail.id });
    for (const { field, read } of this.inputs) for (const v of read()) state.append(`${field.in === "path" ? "p" : "q"}.${field.name}`, v);
    if (this.body && this.body.value !== this.detail.body) state.set("body", this.body.value);
    return state;
  }
}

/** @param {string} name a pattern for the variable in a path template: {name} or {name=pattern} */
const variable = (name) => new RegExp(`\\{${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(=[^}]*)?\\}`);

/** @param {string} found @param {string} value */
function place(found, value) {
  const several = found.includes("/") || found.includes("**");
  return several ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
}

/** @param {string | undefined} text */
export function doc(text) { return text ? el("p", { class: "doc", text: flow(text) }) : ""; }
