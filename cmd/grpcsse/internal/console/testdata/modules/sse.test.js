import assert from "node:assert/strict";
import { test } from "node:test";
import { Stream } from "../page/sse.js";

/** Answers requests with the given responses in turn, and returns what the stream has told. */
function follow(answers, request = {}) {
  const told = { states: [], words: [], blocks: [], comments: 0, end: null, requests: [] };
  globalThis.fetch = async (url, options) => {
    told.requests.push({ url, ...options });
    const answer = answers.shift();
    if (!answer) return new Promise((_, reject) => options.signal.addEventListener("abort", () => reject(new Error("aborted"))));
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return new Promise((resolve) => {
    const stream = new Stream({ url: "/x", method: "GET", body: "", headers: {}, prefixed: false, ...request }, {
      state: (state, word) => {
        told.states.push(state);
        told.words.push(word);
        if (["ended", "failed", "stopped"].includes(state)) resolve({ ...told, word, lastID: stream.lastID });
        if (state === "connecting" && !answers.length) setTimeout(() => stream.stop());
      },
      block: (block) => told.blocks.push(block), comment: () => { told.comments++; }, end: (status) => { told.end = status; },
    });
  });
}

/** @param {string} text @param {number} [size] of the pieces in which it comes */
function events(text, size = text.length) {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new Response(new ReadableStream({
    pull(c) {
      if (at >= bytes.length) return c.close();
      c.enqueue(bytes.slice(at, at += size));
    },
  }), { headers: { "Content-Type": "text/event-stream" } });
}

const end = 'event: grpc-status\ndata: {"code":5,"status":"NOT_FOUND","retry":false}\n\n';

test("pieces of any size give the same events", async () => {
  const text = `retry: 2143\ndata: {"a":"ä€😀"}\nid: 7\n\n: comment\n\ndata: one\ndata: two\nevent: quote\n\nid: 8\n\nunknown: x\n\n${end}`;
  for (const size of [1, 2, 3, 5, 7, 1000]) {
    const told = await follow([events(text, size)]);
    assert.deepEqual(told.blocks.map((b) => [b.name, b.data, b.id]),
      [["message", '{"a":"ä€😀"}', "7"], ["quote", "one\ntwo", null], ["grpc-status", '{"code":5,"status":"NOT_FOUND","retry":false}', null]], `pieces of ${size}`);
    assert.deepEqual([told.comments, told.lastID, told.word, told.end.code], [1, "8", "NOT_FOUND", 5]);
    assert.deepEqual(told.states, ["connecting", "open", "ended"]);
  }
});

test("a stream that breaks comes back after the time of the server, with its last id", async () => {
  const began = performance.now();
  const told = await follow([events("retry: 500\ndata: x\nid: 7\n\n"), new Error("refused"), events(end)]);
  assert.ok(performance.now() - began >= 990);
  assert.deepEqual(told.states, ["connecting", "open", "waiting", "connecting", "waiting", "connecting", "open", "ended"]);
  assert.equal(told.words[4], "no connection, comes back in 0.5 s");
  assert.deepEqual(told.requests.map((r) => r.headers["Last-Event-ID"]), [undefined, "7", "7"]);
});

test("a final status, an answer that is no stream, and 204 end it", async () => {
  for (const [answer, state, word] of [
    [events(end), "ended", "NOT_FOUND"],
    [new Response('{"status":"INTERNAL","code":13}', { status: 500, statusText: "Oh" }), "failed", "500 Oh"],
    [new Response("<html>", { headers: { "Content-Type": "text/html" } }), "failed", "200 "],
    [new Response(null, { status: 204 }), "ended", "204: the server has no more for this id"],
  ]) {
    const told = await follow([answer]);
    assert.deepEqual([told.states.at(-1), told.word, told.requests.length], [state, word, 1]);
  }
});

test("a POST is sent once", async () => {
  const told = await follow([events("data: x\n\n")], { method: "POST", body: '{"a":1}' });
  assert.deepEqual([told.states.at(-1), told.requests.length], ["ended", 1]);
  assert.deepEqual([told.requests[0].body, told.requests[0].headers["Content-Type"]], ['{"a":1}', "application/json"]);
  const refused = await follow([new Error("refused")], { method: "POST" });
  assert.deepEqual([refused.states.at(-1), refused.word], ["failed", "the server cannot be reached"]);
});

test("an event without end does not fill the memory", async () => {
  let sent = 0;
  const piece = new Uint8Array(1 << 16).fill(120);
  const body = new ReadableStream({ pull(c) { sent += piece.length; c.enqueue(piece); } });
  const told = await follow([new Response(body, { headers: { "Content-Type": "text/event-stream" } })]);
  assert.deepEqual([told.states.at(-1), told.word], ["failed", "an event is over 8 MiB"]);
  assert.ok(sent < 10 << 20);
});

test("headers for the route have a prefix where the listener is another one", async () => {
  const headers = { Authorization: "Bearer user" };
  const apart = await follow([events(end)], { headers, prefixed: true });
  assert.equal(apart.requests[0].headers["X-Console-Authorization"], "Bearer user");
  assert.equal(apart.requests[0].headers.Authorization, undefined);
  const same = await follow([events(end)], { headers });
  assert.equal(same.requests[0].headers.Authorization, "Bearer user");
});
