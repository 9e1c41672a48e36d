import assert from "node:assert/strict";
import {test} from "node:test";
import {begin, silent, status, step, type Input, type Model} from "../src/machine.ts";
import type {Source, Tell} from "../src/source.ts";
import {tabs} from "../src/tabs.ts";

/** A message that is on its way to a tab. */
interface Letter { from: Tab; to: Tab; data: unknown }

/** A browser with tabs, a server with numbered events, and all that happens between them, in an order that a test chooses. */
class World {
  tabs: Tab[] = [];
  letters: Letter[] = [];
  waiting: {tab: Tab; grant: () => void}[] = [];
  holder: Tab | undefined;
  newest = 0;
  /** The tab whose code runs. */
  running!: Tab;

  constructor(readonly random: () => number) {
    const world = this;
    class Channel {
      onmessage: ((e: {data: unknown}) => void) | undefined;
      tab = world.running;
      constructor() {
        this.tab.channel = this;
      }
      postMessage(data: unknown): void {
        for (const to of world.tabs) if (to !== this.tab && to.channel) world.letters.push({from: this.tab, to, data: structuredClone(data)});
      }
      close(): void {
        if (this.tab.channel === this) this.tab.channel = undefined;
        world.letters = world.letters.filter((l) => l.to !== this.tab);
      }
    }
    const request = (_: string, {signal}: {signal: AbortSignal}, hold: () => Promise<void>): Promise<void> => {
      const tab = world.running;
      return new Promise((resolve, reject) => {
        const entry = {tab, grant: () => {
          world.holder = tab;
          const held = hold();
          tab.freed = () => {
            if (world.holder === tab) world.holder = undefined;
          };
          void held.then(() => {
            tab.freed?.();
            resolve();
          });
        }};
        world.waiting.push(entry);
        signal.addEventListener("abort", () => {
          world.waiting = world.waiting.filter((w) => w !== entry);
          reject(signal.reason);
        });
      });
    };
    Object.defineProperty(globalThis, "navigator", {value: {locks: {request}}, configurable: true});
    Object.defineProperty(globalThis, "BroadcastChannel", {value: Channel, configurable: true});
  }

  pick<T>(list: T[]): T | undefined {
    return list[Math.floor(this.random() * list.length)];
  }

  /** Runs code of a tab. */
  run(tab: Tab, code: () => void): void {
    this.running = tab;
    code();
  }

  open(): Tab {
    const tab = new Tab(this);
    this.tabs.push(tab);
    this.run(tab, () => tab.start());
    return tab;
  }

  /** Ends a tab without a word, as a crash does. Some of its last messages may be lost for some tabs. */
  kill(tab: Tab): void {
    this.tabs = this.tabs.filter((t) => t !== tab);
    this.waiting = this.waiting.filter((w) => w.tab !== tab);
    this.letters = this.letters.filter((l) => l.to !== tab);
    for (const to of this.tabs) {
      if (this.random() < 0.5) continue;
      const own = this.letters.filter((l) => l.from === tab && l.to === to);
      const lost = new Set(own.slice(Math.floor(this.random() * (own.length + 1))));
      this.letters = this.letters.filter((l) => !lost.has(l));
    }
    tab.dead = true;
    if (this.holder === tab) this.holder = undefined;
  }

  /** Delivers a message. Those of one sender to one receiver keep their order. */
  deliver(): boolean {
    const some = this.pick(this.letters);
    if (!some) return false;
    const i = this.letters.findIndex((l) => l.from === some.from && l.to === some.to);
    const [letter] = this.letters.splice(i, 1);
    this.run(letter!.to, () => letter!.to.channel?.onmessage?.({data: letter!.data}));
    return true;
  }

  grant(): boolean {
    if (this.holder || !this.waiting.length) return false;
    const next = this.waiting.shift()!;
    this.run(next.tab, next.grant);
    return true;
  }

  get connections(): number {
    return this.tabs.filter((t) => t.sent !== undefined).length;
  }
}

class Tab {
  model: Model = begin("", 45_000, false);
  got: number[] = [];
  channel: {onmessage: ((e: {data: unknown}) => void) | undefined} | undefined;
  freed: (() => void) | undefined;
  dead = false;
  due = false;
  /** The last event that went over this tab's connection, undefined where there is none; and whether it is open. */
  sent: number | undefined;
  opened = false;
  private say: Tell = () => {};
  private source: Source;

  constructor(private readonly world: World) {
    world.running = this;
    this.source = tabs("tape", (tell) => {
      this.say = tell;
      const cut = (): void => {
        this.sent = undefined;
      };
      return {
        open: (cursor) => {
          this.sent = cursor ? Number(cursor) : this.world.newest;
          this.opened = false;
        }, cut, doubt: cut, leave: cut, tick: () => {},
      };
    }, (input) => this.take(input));
  }

  start(): void {
    this.take({is: "start"});
  }

  take(input: Input): void {
    const [model, ...effects] = step(this.model, input, 1, 0);
    this.model = model;
    for (const effect of effects) {
      if (effect === "connect") this.source.open(this.model.cursor);
      else if (effect === "cut") this.source.cut();
      else if (effect === "doubt") this.source.doubt();
      else if (effect === "leave") this.source.leave();
      else if (effect === "deliver" && input.is === "block") {
        const n = Number(input.block.id);
        const last = this.got.at(-1);
        assert.ok(last === undefined || n === last + 1, `${n} follows ${last}`);
        this.got.push(n);
      } else if (typeof effect === "number") this.due = true;
    }
  }

  /** Lets this tab's connection bring what it brings next. */
  read(): boolean {
    if (this.sent === undefined) return false;
    if (!this.opened) {
      this.opened = true;
      this.say({is: "opened"});
      return true;
    }
    if (this.sent >= this.world.newest) return false;
    this.sent++;
    this.say({is: "block", block: {name: "message", data: "{}", id: String(this.sent)}});
    return true;
  }

  /** Breaks this tab's connection. */
  break(): void {
    if (this.sent === undefined) return;
    this.sent = undefined;
    this.say({is: "lost", why: status("network", "")});
  }

  /** Opens again after a wait. */
  again(): boolean {
    if (!this.due) return false;
    this.due = false;
    this.take({is: "due"});
    return true;
  }

  doubt(): void {
    this.take({is: "lost", why: silent});
  }
}

/** Numbers that look random, and are the same for the same seed. */
function chance(seed: number): () => number {
  let state = seed * 2654435761 % 2147483646 + 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/** Lets everything happen that can happen by itself. Between two events, all that is under way arrives. */
async function settle(world: World): Promise<void> {
  for (let i = 0; i < 4; i++) {
    world.newest++;
    for (let more = true; more;) {
      more = world.deliver() || world.grant();
      for (const tab of world.tabs) {
        world.run(tab, () => {
          more = tab.again() || tab.read() || more;
        });
      }
      await Promise.resolve(); // a lock is given back in a later task
      await Promise.resolve();
      more ||= !world.holder && world.waiting.length > 0;
    }
  }
}

function complete(world: World): void {
  for (const tab of world.tabs) {
    assert.equal(tab.got.at(-1), world.newest, "a tab has the newest event");
    assert.equal(tab.model.state, "live");
  }
  assert.equal(world.connections, 1, "all tabs use one connection");
}

test("ten tabs use one connection, and the leader is closed ten times", async () => {
  const world = new World(chance(1));
  for (let i = 0; i < 10; i++) world.open();
  await settle(world);
  complete(world);
  for (let i = 0; i < 10; i++) {
    world.kill(world.holder!);
    world.open();
    await settle(world);
    complete(world);
  }
});

test("when the leader dies, the tabs that had what it had open no connection", async () => {
  const world = new World(chance(2));
  for (let i = 0; i < 5; i++) world.open();
  await settle(world);
  world.kill(world.holder!);
  world.grant();
  let most = 0;
  while (world.deliver()) most = Math.max(most, world.connections);
  assert.equal(most, 1);
  await settle(world);
  complete(world);
});

test("tabs follow the state of the leader's connection", async () => {
  const world = new World(chance(3));
  for (let i = 0; i < 3; i++) world.open();
  await settle(world);
  const leader = world.holder!;
  world.run(leader, () => leader.break());
  while (world.deliver());
  for (const tab of world.tabs) assert.equal(tab.model.state, "reconnecting");
  await settle(world);
  complete(world);
});

test("the end of the stream is the end in all tabs", async () => {
  const world = new World(chance(4));
  for (let i = 0; i < 3; i++) world.open();
  await settle(world);
  const leader = world.holder!;
  const data = JSON.stringify({code: 0, status: "OK", message: "", retry: false, reason: "upstream"});
  world.run(leader, () => leader["say"]({is: "block", block: {name: "grpc-status", data, id: String(world.newest)}}));
  await Promise.resolve();
  while (world.deliver() || world.grant());
  for (const tab of world.tabs) assert.equal(tab.model.state, "ended");
  assert.equal(world.connections, 0);
});

test("a tab has a connection of its own where the browser has no locks or refuses them, and says so once", async () => {
  const warnings: string[] = [];
  const {warn} = console;
  console.warn = (text: string) => warnings.push(text);
  try {
    let opened = 0;
    const own: Source = {open: () => opened++, cut() {}, doubt() {}, leave() {}, tick() {}};
    const world = new World(chance(5));
    world.running = {} as Tab;
    const request = (): Promise<void> => Promise.reject(new DOMException("no origin", "SecurityError"));
    Object.defineProperty(globalThis, "navigator", {value: {locks: {request}}, configurable: true});
    tabs("tape", () => own, () => {}).open("");
    await new Promise(setImmediate);
    assert.equal(opened, 1);
    Object.defineProperty(globalThis, "navigator", {value: {}, configurable: true});
    for (let i = 0; i < 2; i++) assert.equal(tabs("tape", () => own, () => {}), own);
    assert.deepEqual(warnings, ["grpcsse: tabs"]);
  } finally {
    console.warn = warn;
  }
});

test("whatever happens, no tab loses an event or has one twice", async () => {
  for (let seed = 1; seed <= 1500; seed++) {
    const random = chance(seed);
    const world = new World(random);
    for (let i = 0; i < 3; i++) world.open();
    const actions: (() => void)[] = [
      () => world.newest++,
      () => world.newest++,
      () => world.deliver(),
      () => world.deliver(),
      () => world.deliver(),
      () => world.grant(),
      () => world.run(world.pick(world.tabs)!, () => world.running.read()),
      () => world.run(world.pick(world.tabs)!, () => world.running.read()),
      () => world.run(world.pick(world.tabs)!, () => world.running.again()),
      () => world.run(world.pick(world.tabs)!, () => random() < 0.3 && world.running.break()),
      () => world.run(world.pick(world.tabs)!, () => random() < 0.1 && world.running.doubt()),
      () => world.run(world.pick(world.tabs)!, () => random() < 0.2 && world.running.take({is: "pagehide"})),
      () => world.run(world.pick(world.tabs)!, () => world.running.take({is: "pageshow"})),
      () => random() < 0.3 && world.tabs.length > 1 && world.kill(world.pick(world.tabs)!),
      () => random() < 0.3 && world.tabs.length < 6 && world.open(),
    ];
    try {
      for (let i = 0; i < 150; i++) {
        world.pick(actions)!();
        if (i % 3 === 0) await Promise.resolve();
      }
      for (const tab of world.tabs) world.run(tab, () => tab.take({is: "pageshow"}));
      await settle(world);
      complete(world);
    } catch (e) {
      (e as Error).message += ` (seed ${seed})`;
      throw e;
    }
  }
});
