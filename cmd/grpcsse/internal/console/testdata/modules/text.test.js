import assert from "node:assert/strict";
import { test } from "node:test";
import { publicOrigin, script } from "../page/snippets.js";
import { flow, pieces } from "../page/text.js";

test("a comment flows, and lists stay lists", () => {
  assert.equal(flow("One sentence that\nwraps.\n\nSecond\nparagraph."), "One sentence that wraps.\n\nSecond paragraph.");
  assert.equal(flow("These:\n- one\n  goes on\n- two\n1. three"), "These:\n- one\n  goes on\n- two\n1. three");
  assert.equal(flow("-1 is\n-2 more"), "-1 is -2 more");
  assert.deepEqual(pieces("/a.b/C"), ["/", "a.", "b/", "C"]);
  assert.deepEqual(pieces("/a?b=c&d=e"), ["/", "a?", "b=c&", "d=e"]);
});

test("where pages find the routes", () => {
  const page = { origin: "http://127.0.0.1:9091", hostname: "127.0.0.1" };
  const of = (streams, listen, host = "", tls = false) => publicOrigin({ streams, listen, host, tls }, page);
  assert.deepEqual(of("", ":8080"), { origin: page.origin, connect: "" });
  assert.deepEqual(of("/s", ":8080"), { origin: "http://127.0.0.1:8080", connect: "" });
  assert.deepEqual(of("/s", "[::]:8443", "", true), { origin: "https://127.0.0.1:8443", connect: "" });
  assert.deepEqual(of("/s", "10.0.0.1:80", "app.example.org"), { origin: "http://app.example.org:80", connect: "10.0.0.1:80" });
});

test("code listens to the names that events have", () => {
  const request = { method: "GET", url: "http://x/", connect: "", body: "", headers: [], names: ["error_", "error_", "grpc-live", "message"] };
  assert.match(script(request), /addEventListener\("error_"/);
  assert.doesNotMatch(script(request), /grpc-live|onmessage/);
  assert.match(script({ ...request, names: [] }), /source\.onmessage/);
  assert.match(script({ ...request, headers: [["A", "b"]] }), /^\/\/ An EventSource sends no headers/);
});
