import assert from "node:assert/strict";
import {test} from "node:test";
import {parser, type Block} from "../src/parse.ts";

/** Parses a text in pieces. */
function parse(...pieces: string[]): {blocks: Block[]; retries: number[]} {
  const blocks: Block[] = [], retries: number[] = [];
  const feed = parser((b) => blocks.push(b), (ms) => retries.push(ms));
  pieces.forEach(feed);
  return {blocks, retries};
}

const cases: Record<string, [string, Block[], number[]?]> = {
  "data alone": ["data: 1\n\n", [{name: "message", data: "1", id: ""}]],
  "a name and an id": ["event: quote\ndata: {}\nid: 7\n\n", [{name: "quote", data: "{}", id: "7"}]],
  "an id stays": ["data: 1\nid: 7\n\ndata: 2\n\n", [{name: "message", data: "1", id: "7"}, {name: "message", data: "2", id: "7"}]],
  "a name does not stay": ["event: a\ndata: 1\n\ndata: 2\n\n", [{name: "a", data: "1", id: ""}, {name: "message", data: "2", id: ""}]],
  "lines of data": ["data: 1\ndata: 2\n\n", [{name: "message", data: "1\n2", id: ""}]],
  "no space, two spaces, a colon": ["data:1\ndata:  2:3\n\n", [{name: "message", data: "1\n 2:3", id: ""}]],
  "comments and unknown fields": [": beat\n:\nfoo: bar\nfoo\ndata: 1\n\n", [{name: "message", data: "1", id: ""}]],
  "no data, no event": ["event: a\nid: 3\n\n:\n\n", []],
  "empty data": ["data\n\n", [{name: "message", data: "", id: ""}]],
  "carriage returns": ["data: 1\r\n\r\ndata: 2\r\r", [{name: "message", data: "1", id: ""}]],
  "a NUL in an id": ["id: a\0b\ndata: 1\n\n", [{name: "message", data: "1", id: ""}]],
  "reconnection times": ["retry: 500\nretry: x\nretry: -1\n\n", [], [500]],
  "line separators are data": ["data: \u2028\u2029\u0085\n\n", [{name: "message", data: "\u2028\u2029\u0085", id: ""}]],
  "an unfinished event": ["data: 1\n", []],
};

for (const [name, [text, blocks, retries]] of Object.entries(cases)) {
  test(name, () => {
    assert.deepEqual(parse(text), {blocks, retries: retries ?? []});
  });
  test(name + ", in pieces of any size", () => {
    for (const size of [1, 2, 3, 5]) {
      assert.deepEqual(parse(...(text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [])), {blocks, retries: retries ?? []}, `${size}`);
    }
  });
}

test("a carriage return at the end of a piece", () => {
  assert.deepEqual(parse("data: 1\r", "\n\r", "\ndata: 2\r", "\r", "data").blocks.map((b) => b.data), ["1", "2"]);
});

test("a large event in many pieces", () => {
  const piece = "x".repeat(1 << 16);
  assert.equal(parse("data: ", ...Array<string>(64).fill(piece), "\n\n").blocks[0]?.data.length, 64 << 16);
});
