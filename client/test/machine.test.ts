import assert from "node:assert/strict";
import {test} from "node:test";
import {begin, longest, status, step, steady, type Effect, type Input, type Model} from "../src/machine.ts";

/** A machine whose time and chance a test chooses. */
class Rig {
  model: Model;
  now = 1_000_000;
  random = 0;
  effects: Effect[] = [];

  constructor(settings: {cursor?: string; silence?: number; tokens?: boolean} = {}) {
    this.model = begin(settings.cursor ?? "", settings.silence ?? 45_000, settings.tokens ?? false);
  }

  /** Gives inputs, and returns what is to be done then. */
  take(...inputs: Input[]): Effect[] {
    this.effects = [];
    for (const input of inputs) {
      const [model, ...effects] = step(this.model, input, this.now, this.random);
      this.model = model;
      this.effects.push(...effects);
    }
    return this.effects;
  }

  /** Opens the stream. */
  open(): this {
    this.take({is: "start"}, ...(this.model.tokens ? [{is: "renewed"} as const] : []), {is: "opened"});
    assert.equal(this.model.state, "live");
    return this;
  }
}

const event = (name: string, data: unknown = {}, id = ""): Input => ({is: "block", block: {name, data: JSON.stringify(data), id}});
const ended = (code: number, retry: boolean, reason = "upstream"): Input =>
  event("grpc-status", {code, status: "X", message: "m", retry, reason});
const lost = (reason = "network"): Input => ({is: "lost", why: status(reason, "")});

test("a stream opens, delivers, and ends for good", () => {
  const rig = new Rig();
  assert.deepEqual(rig.take({is: "start"}), ["connect"]);
  assert.equal(rig.model.state, "connecting");
  assert.deepEqual(rig.take({is: "opened"}), []);
  assert.deepEqual(rig.take(event("message", {}, "7")), ["deliver"]);
  assert.equal(rig.model.cursor, "7");
  assert.deepEqual(rig.take(event("quote")), ["deliver"]);
  assert.equal(rig.model.cursor, "7", "an event without an id does not change the cursor");
  assert.deepEqual(rig.take(ended(5, false)), ["cut", "leave"]);
  assert.equal(rig.model.state, "ended");
  assert.equal(rig.model.why?.code, 5);
  assert.equal(rig.model.cursor, "7", "the id of a final end is never a cursor");
  for (const input of [{is: "start"}, {is: "pageshow"}, {is: "opened"}, event("message"), lost()] as Input[]) {
    assert.deepEqual(rig.take(input), [], "nothing follows an end");
  }
  assert.equal(rig.model.state, "ended");
});

test("a lost connection is opened again, later each time, and not before the time of the server", () => {
  const rig = new Rig().open();
  rig.take({is: "retry", ms: 2000});
  for (const delay of [2000, 4000, 8000, 16_000, longest, longest]) {
    assert.deepEqual(rig.take(lost()), ["cut", delay]);
    assert.equal(rig.model.state, "reconnecting");
    assert.equal(rig.model.why?.reason, "network");
    assert.deepEqual(rig.take({is: "due"}), ["connect"]);
    rig.take({is: "opened"});
  }
  rig.random = 1;
  assert.deepEqual(rig.take(lost()), ["cut", longest * 1.5], "the delay is spread over half of itself");
  rig.random = 0;
  rig.take({is: "due"}, {is: "opened"}, event("message"));
  assert.deepEqual(rig.take(lost()), ["cut", 2000], "an event is a success");
  rig.take({is: "due"}, {is: "opened"});
  rig.take(lost(), {is: "due"}, {is: "opened"});
  rig.now += steady + 1;
  assert.deepEqual(rig.take(lost()), ["cut", 2000], "so is a connection that lasts");
  rig.take({is: "retry", ms: 60_000});
  assert.deepEqual(rig.take({is: "due"}, lost()), ["connect", "cut", 60_000], "the server may ask for more");
});

test("a stream that never opened is connecting until it does", () => {
  const rig = new Rig();
  rig.take({is: "start"}, lost("http"));
  assert.equal(rig.model.state, "connecting");
  assert.equal(rig.model.why?.reason, "http");
  rig.take({is: "due"}, {is: "opened"});
  assert.equal(rig.model.state, "live");
  assert.equal(rig.model.why, undefined);
});

test("what was never a stream is a wrong URL", () => {
  const page: Input = {is: "lost", why: status("http", "text/html", 14, "HTTP 200")};
  const rig = new Rig();
  rig.take({is: "start"});
  assert.deepEqual(rig.take(page), ["cut", "leave"]);
  assert.equal(rig.model.state, "ended");
  assert.equal(rig.model.why?.retry, false);
  const proxied = new Rig().open();
  assert.deepEqual(proxied.take(page), ["cut", 3000], "a proxy may answer so for a while");
});

test("the bridge asks to come back", () => {
  const rig = new Rig().open();
  assert.deepEqual(rig.take({is: "retry", ms: 500}, ended(14, true, "drain")), ["cut", 500]);
  assert.deepEqual([rig.model.state, rig.model.why?.reason], ["reconnecting", "drain"]);
});

test("notices", () => {
  const rig = new Rig().open();
  rig.take(event("grpc-stale", {code: 14, status: "UNAVAILABLE"}));
  assert.deepEqual([rig.model.state, rig.model.why?.code, rig.model.why?.status], ["stale", 14, "UNAVAILABLE"]);
  rig.take(event("grpc-live"));
  assert.deepEqual([rig.model.state, rig.model.why], ["live", undefined]);
  assert.deepEqual(rig.take(event("grpc-reset", {reason: "epoch"})), ["notice"]);
  assert.deepEqual(rig.take(event("grpc-cursor", {}, "9")), ["notice"]);
  assert.equal(rig.model.cursor, "9");
  for (const name of ["grpc-heartbeat", "grpc-end", "grpc-of-tomorrow"]) assert.deepEqual(rig.take(event(name)), [], name);
  assert.equal(rig.model.state, "live");
});

test("a dead connection is told from a quiet one", () => {
  const rig = new Rig({silence: 45_000}).open();
  rig.now += 44_000;
  rig.take({is: "heard"});
  rig.now += 44_000;
  assert.deepEqual(rig.take({is: "tick"}), []);
  rig.now += 3_600_000; // the machine was asleep
  assert.deepEqual(rig.take({is: "tick"}), ["doubt", 3000]);
  assert.equal(rig.model.why?.reason, "silent");
  rig.now += 3_600_000;
  assert.deepEqual(rig.take({is: "tick"}), [], "there is no connection to be silent");
  rig.take({is: "due"});
  rig.now += 46_000;
  assert.deepEqual(rig.take({is: "tick"}), ["doubt", 3000], "an answer that does not come is silence too");
});

test("a clock that is set back causes nothing, and silence is noticed nevertheless", () => {
  const rig = new Rig().open();
  rig.now -= 3_600_000;
  assert.deepEqual(rig.take({is: "tick"}), []);
  rig.now += 46_000;
  assert.equal(rig.take({is: "tick"})[0], "doubt");
});

test("silence may last for ever", () => {
  const rig = new Rig({silence: 0}).open();
  rig.now += 1e9;
  assert.deepEqual(rig.take({is: "tick"}), []);
});

test("a hidden page has no connection, and comes back behind its cursor", () => {
  const rig = new Rig().open();
  rig.take(event("message", {}, "3"));
  assert.deepEqual(rig.take({is: "pagehide"}), ["cut", "leave"]);
  assert.deepEqual([rig.model.state, rig.model.why?.reason], ["reconnecting", "hidden"]);
  assert.deepEqual(rig.take({is: "due"}, {is: "online"}), [], "a timer may be late");
  assert.deepEqual(rig.take({is: "pageshow"}), ["connect"]);
  assert.equal(rig.model.cursor, "3");
  assert.deepEqual(rig.take({is: "pageshow"}), [], "the first pageshow of a page comes while it connects");
});

test("the network is back", () => {
  const rig = new Rig().open();
  assert.deepEqual(rig.take({is: "online"}), []);
  rig.take(lost());
  rig.random = 0.5;
  assert.deepEqual(rig.take({is: "online"}), [500]);
});

test("a token is asked for first, when it expires, and when it is refused", () => {
  const rig = new Rig({tokens: true});
  assert.deepEqual(rig.take({is: "start"}), ["renew"]);
  assert.deepEqual(rig.take({is: "renewed"}), ["connect"]);
  rig.take({is: "opened"}, event("message"));
  assert.deepEqual(rig.take(event("grpc-expiring", {in: "30s"})), ["notice", "renew"]);
  assert.equal(rig.model.state, "live", "events go on meanwhile");
  assert.deepEqual(rig.take({is: "renewed"}), ["connect"], "in place of the old connection");
  rig.take({is: "opened"}, event("message"));
  assert.deepEqual(rig.take(ended(16, false, "token_expired")), ["cut", "renew"]);
  assert.deepEqual(rig.take({is: "renewed"}, {is: "opened"}), ["connect"]);
  assert.deepEqual(rig.take(ended(16, false, "auth")), ["cut", "leave"], "a new token is refused too");
});

test("a token that the bridge would take later is asked for again after a while", () => {
  const rig = new Rig({tokens: true}).open();
  assert.deepEqual(rig.take(ended(16, true, "token_expired")), ["cut", "renew"]);
  rig.take({is: "renewed"}, {is: "opened"});
  assert.deepEqual(rig.take(ended(16, true, "token_expired")), ["cut", 6000]);
  assert.deepEqual(rig.take({is: "due"}), ["renew"]);
});

test("the first token may be refused once", () => {
  const rig = new Rig({tokens: true});
  rig.take({is: "start"}, {is: "renewed"}, {is: "opened"});
  assert.deepEqual(rig.take(ended(16, false, "auth")), ["cut", "renew"]);
  rig.take({is: "renewed"}, {is: "opened"});
  assert.deepEqual(rig.take(ended(16, false, "auth")), ["cut", "leave"]);
});

test("the page can give no token", () => {
  const rig = new Rig({tokens: true});
  rig.take({is: "start"});
  assert.deepEqual(rig.take(lost("token")), ["cut", 3000]);
  assert.deepEqual(rig.take({is: "due"}), ["renew"]);
  rig.take({is: "renewed"}, {is: "opened"}, event("message"), event("grpc-expiring"));
  assert.deepEqual(rig.take(lost("token")), [], "the old one is good for a while");
  assert.equal(rig.model.state, "live");
});

test("a token in use is renewed while the page is hidden", () => {
  const rig = new Rig({tokens: true}).open();
  rig.take(event("message"), event("grpc-expiring"), {is: "pagehide"});
  assert.deepEqual(rig.take({is: "renewed"}), []);
  assert.deepEqual(rig.take({is: "pageshow"}), ["connect"]);
});

test("without tokens, UNAUTHENTICATED is as any other end", () => {
  assert.deepEqual(new Rig().open().take(ended(16, false)), ["cut", "leave"]);
  assert.deepEqual(new Rig().open().take(ended(16, true)), ["cut", 3000]);
});

test("whatever comes, there is at most one connection, and none when it is over", () => {
  const inputs: Input[] = [
    {is: "start"}, {is: "due"}, {is: "opened"}, {is: "heard"}, {is: "tick"}, {is: "pagehide"}, {is: "pageshow"}, {is: "renewed"},
    {is: "online"}, lost(), lost("token"), ended(14, true), ended(16, false), ended(16, true), event("message", {}, "1"),
    event("grpc-expiring"), event("grpc-stale"), event("grpc-live"), {is: "retry", ms: 1000},
  ];
  let seed = 1;
  const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let run = 0; run < 2000; run++) {
    const rig = new Rig({tokens: run % 2 === 0});
    let waits = false, asked = false, connected = false;
    rig.take({is: "start"});
    for (let i = 0; i < 60; i++) {
      for (const effect of rig.effects) {
        if (effect === "connect") connected = true;
        if (effect === "cut" || effect === "doubt" || effect === "leave") connected = false;
        if (effect === "renew") asked = true;
        if (effect === "leave") waits = false;
        if (typeof effect === "number") waits = true;
      }
      const {state, hidden, busy} = rig.model;
      if (state === "ended" || hidden) assert.ok(!connected && !waits, `run ${run}: ${state} with a connection`);
      else assert.ok(connected || waits || asked, `run ${run}: nothing will ever happen`);
      assert.ok(!connected || busy);
      const input = inputs[Math.floor(random() * inputs.length)]!;
      if (input.is === "due" && !waits || input.is === "renewed" && !asked || input.is === "start") rig.take();
      else if ((input.is === "opened" || input.is === "block") && !connected) rig.take();
      else if (input.is === "lost" && (input.why.reason === "token" ? !asked : !connected)) rig.take();
      else {
        if (input.is === "due") waits = false;
        if (input.is === "renewed" || input.is === "lost" && input.why.reason === "token") asked = false;
        if (input.is === "lost" && input.why.reason === "network") connected = false;
        rig.now += random() * 20_000;
        rig.random = random();
        rig.take(input);
      }
    }
  }
});
