import assert from "node:assert/strict";
import { test } from "node:test";
import { age, difference, flatten } from "../page/diff.js";
import { KeyTable, mostBytes, mostEvents, Ring } from "../page/events.js";

const block = (data, more = {}) => ({ name: "message", data, id: null, raw: `data: ${data}`, bytes: data.length, at: 1, ...more });
const quote = (n) => block(JSON.stringify({ sequence: String(n), symbol: "AAPL", price: n / 7, venue: { name: "X" } }), { at: n });

test("the page keeps the newest events", () => {
  const ring = new Ring();
  for (let n = 1; n <= 10 * mostEvents; n++) ring.add(quote(n));
  assert.equal(ring.kept.length, mostEvents);
  assert.equal(ring.count, 10 * mostEvents);
  assert.equal(ring.dropped, 9 * mostEvents);
  assert.equal(ring.kept.at(-1).number, 10 * mostEvents);
  ring.clear();
  assert.deepEqual([ring.kept.length, ring.dropped, ring.size], [0, 0, 0]);
});

test("ten seconds of 10,000 events a second take no more memory than one", () => {
  const ring = new Ring();
  const run = () => { for (let n = 0; n < 50_000; n++) ring.add(quote(n)); globalThis.gc(); return process.memoryUsage().heapUsed; };
  const first = run();
  assert.ok(run() - first < 4 << 20, "the heap grows");
  assert.ok(first < 64 << 20, `the heap is ${first}`);
});

test("large events push out others, and one that is too large is kept alone and not parsed", () => {
  const ring = new Ring();
  const large = JSON.stringify({ text: "x".repeat(1 << 20) });
  for (let n = 0; n < 50; n++) ring.add(block(large));
  assert.ok(ring.size <= mostBytes && ring.kept.length > 1, `${ring.kept.length} of ${ring.size} bytes`);
  const kept = ring.add(block(`{"text":"${"y".repeat(8 << 20)}"}`));
  assert.equal(ring.kept.length, 1);
  assert.equal(kept.flat, null);
  assert.ok(kept.text.length < 30_000, "what the filter searches is short");
});

test("the bridge's own events are no part of the differences", () => {
  const ring = new Ring();
  ring.add(quote(1));
  ring.add(block("{}", { name: "grpc-stale" }));
  const changes = ring.add(quote(2)).changes.map((c) => c.path);
  assert.deepEqual(changes, ["sequence", "price"]);
  assert.equal(ring.events, 2);
});

test("a table is bounded in keys and columns", () => {
  globalThis.document = { createElement: () => ({ append() {}, setAttribute() {}, addEventListener() {} }) };
  const table = new KeyTable("key");
  const ring = new Ring();
  for (let n = 0; n < 2000; n++) table.add(ring.add(block(JSON.stringify({ key: `k${n}`, [`column${n}`]: n }))));
  assert.equal(table.latest.size, 500);
  assert.equal(table.columns.length, 12);
  assert.ok(table.full && table.paths.size <= 60);
});

test("the leaves of a value", () => {
  assert.deepEqual([...flatten({ a: { b: [1, { c: null }] }, e: {}, f: [], ["__proto__x"]: true })],
    [["a.b[0]", "1"], ["a.b[1].c", "null"], ["e", "{}"], ["f", "[]"], ["__proto__x", "true"]]);
  assert.deepEqual([...flatten(JSON.parse('{"__proto__": {"x": 1}}'))], [["__proto__.x", "1"]]);
  assert.equal(flatten(Array.from({ length: 5000 }, (_, i) => i)).size, 300);
  let deep = 1;
  for (let i = 0; i < 10_000; i++) deep = { deep };
  assert.deepEqual([...flatten(deep).values()], ["…"]);
});

test("the difference of two values", () => {
  const of = (a, b) => difference(flatten(a), flatten(b));
  assert.deepEqual(of({ a: 1, b: 2 }, { a: 1, b: 3, c: 4 }), [{ path: "b", from: "2", to: "3" }, { path: "c", from: null, to: "4" }]);
  assert.deepEqual(of({ a: 1 }, {}), [{ path: "a", from: "1", to: null }]);
  assert.equal(of({}, Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, i]))).length, 40);
});

test("the age of an event is that of its newest time", () => {
  const at = Date.parse("2026-01-02T03:04:05.500Z");
  assert.equal(age(flatten({ old: "2026-01-02T03:04:00Z", time: "2026-01-02T03:04:05.123456Z" }), at), 377);
  assert.equal(age(flatten({ date: "1999-01-01T00:00:00Z" }), at), null);
  assert.equal(age(flatten({ text: "no time" }), at), null);
});
