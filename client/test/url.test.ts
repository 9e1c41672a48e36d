import assert from "node:assert/strict";
import {test} from "node:test";
import {extend, fill} from "../src/url.ts";

test("variables of a path", () => {
  assert.equal(fill("/quotes/{symbol}", {symbol: "AAPL"}), "/quotes/AAPL");
  assert.equal(fill("/a/{b}/{c}:watch", {b: 1, c: true}), "/a/1/true:watch");
  assert.equal(fill("/quotes/{symbol}", {symbol: "../a/b?c#d é"}), "/quotes/..%2Fa%2Fb%3Fc%23d%20%C3%A9");
  assert.equal(fill("/v1/{name=shelves/*}", {name: "shelves/1?"}), "/v1/shelves/1%3F");
  assert.equal(fill("/{n}", {n: 2n ** 63n}), "/9223372036854775808");
  assert.equal(fill("/{a}", {a: "{b}", b: "x"}), "/%7Bb%7D", "a value is no template");
  assert.throws(() => fill("/quotes/{symbol}", {}), /\/quotes\/\{symbol\}: no symbol/);
});

test("parameters of a query", () => {
  assert.equal(extend("/a", {}), "/a");
  assert.equal(extend("/a", {b: "1&2", "c.d": 3}), "/a?b=1%262&c.d=3");
  assert.equal(extend("/a?x=1", {b: true}), "/a?x=1&b=true");
  assert.equal(extend("/a#top", {b: 1}), "/a?b=1");
  assert.equal(extend("/a", {b: [1, 2], c: undefined}), "/a?b=1&b=2");
  assert.equal(extend("https://h:1/a", {last_event_id: "é"}), "https://h:1/a?last_event_id=%C3%A9");
});
