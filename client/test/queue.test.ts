import assert from "node:assert/strict";
import {test} from "node:test";
import {Queue} from "../src/queue.ts";

test("a loop gets what was there, what comes, and the end", async () => {
  let taken = 0;
  const q = new Queue<number>(() => taken++, () => assert.fail("the loop was not left"));
  q.push(1);
  q.push(2);
  const got: number[] = [];
  const loop = (async () => {
    for await (const n of q) got.push(n);
  })();
  await Promise.resolve();
  q.push(3);
  q.push(4);
  q.end();
  await loop;
  assert.deepEqual(got, [1, 2, 3, 4]);
  assert.equal(taken, 4);
});

test("a failure comes behind the events, once", async () => {
  const q = new Queue<number>(() => {}, () => {});
  q.push(1);
  q.end(new Error("no"));
  assert.deepEqual(await q.next(), {value: 1, done: false});
  await assert.rejects(q.next(), /no/);
  assert.deepEqual(await q.next(), {value: undefined, done: true});
});

test("several calls of next are answered in order", async () => {
  const q = new Queue<number>(() => {}, () => {});
  const three = Promise.all([q.next(), q.next(), q.next()]);
  q.push(1);
  q.push(2);
  q.end();
  assert.deepEqual((await three).map((r) => r.value), [1, 2, undefined]);
});

test("leaving a loop drops what waits", async () => {
  let left = 0;
  const q = new Queue<number>(() => {}, () => left++);
  q.push(1);
  q.push(2);
  for await (const n of q) {
    assert.equal(n, 1);
    break;
  }
  assert.equal(left, 1);
  assert.equal(q.items.length, 0);
  assert.deepEqual(await q.next(), {value: undefined, done: true});
});
