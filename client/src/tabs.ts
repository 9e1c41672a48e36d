import type {Block} from "./parse.ts";
import type {Input} from "./machine.ts";
import {attempt, warn} from "./attempt.ts";
import type {Source, Tell} from "./source.ts";
import {silent} from "./machine.ts";

/** What tabs say to each other. `term` is the time at which a leader began to lead: later leaders have greater ones. */
type Word =
  /** Is there a leader? `term` is that of the last one that this tab knows. */
  | {say: "hello"; term: number}
  /** There is a leader, the last event that it has, and whether its connection is open. */
  | {say: "lead"; term: number; at: string; open: boolean}
  /** What the leader's connection told. */
  | {say: "feed"; term: number; input: Input};

/** How many events of the leader a tab keeps until it knows which of them it has had. */
const kept = 1000;

/**
 * A source that has one connection together with the same source in other tabs of the origin.
 *
 * Each tab asks for one Web Lock, and the tab that has it leads: it has the connection, and tells the others what comes. The lock goes
 * to the next tab when the leader closes, crashes or leaves, and that tab connects behind the last event that it had itself.
 *
 * Nothing is lost or comes twice because a tab follows a leader only from an event on that both have had: the ids say so. Until
 * then it has a connection of its own, as a tab without this source would. So a new tab gets what every newcomer gets, and then
 * follows as soon as the two streams meet. When another leader begins, most tabs have had the same event as it, and simply go on.
 */
export function tabs(name: string, own: (tell: Tell) => Source, tell: Tell): Source {
  // Where the page has no secure origin, or none at all, each tab has its own connection.
  if (!attempt("tabs", () => (new BroadcastChannel(name).close(), navigator.locks.request))) return own(tell);
  let channel: BroadcastChannel | undefined;
  let release: () => void; // gives the lock back, or stops waiting for it
  let at = ""; // the id of the last event that this tab has had
  let term = 0; // that of the leader
  let leads = false;
  let follows = false;
  let open = false; // the leader has an open connection
  let connected = false; // this tab has a connection of its own, open or not
  let feed: Block[] = []; // what the leader told since, while this tab does not follow

  const say = (word: Word): void => channel?.postMessage(word);
  const see = (input: Input): void => {
    if (input.is === "opened") open = true;
    if (input.is === "lost") open = false;
  };
  const pass = (input: Input): void => {
    if (input.is === "block" && input.block.id) at = input.block.id;
    tell(input);
  };
  const announce = (): void => say({say: "lead", term, at, open});
  const ask = (): void => say({say: "hello", term});
  const mine = own((input) => {
    if (leads) {
      see(input);
      if (input.is !== "heard") say({say: "feed", term, input}); // ticks say that the leader lives
    }
    if (input.is === "lost") connected = false;
    pass(input);
    if (!leads) meet();
  });
  const connect = (): void => {
    connected = true;
    mine.open(at);
  };
  const cut = (): void => {
    connected = false;
    mine.cut();
  };
  /** Follows the leader if the last event of this tab is one that the leader has had. */
  const meet = (): void => {
    if (follows || leads || !at || (connected && !open)) return;
    const i = feed.findIndex((b) => b.id === at);
    if (i < 0) return;
    const rest = feed.slice(i + 1);
    feed = [];
    follows = true;
    cut();
    if (open) tell({is: "opened"});
    for (const block of rest) pass({is: "block", block});
  };
  const hear = (word: Word): void => {
    if (word.say === "hello") {
      if (!leads) return;
      if (word.term > term) term = word.term + 1; // the clock was set back, or stood still
      announce();
    } else if (leads) {
      // the last words of an earlier leader
    } else if (word.term < term) {
      ask(); // these are such words, unless the leader must have a greater term
    } else if (word.say === "lead") {
      if (word.term === term && follows) return; // it answered another tab
      term = word.term;
      open = word.open;
      follows = false;
      feed = [{name: "", data: "", id: word.at}];
      meet();
      if (!follows && !connected) connect();
    } else if (word.term > term) {
      ask();
    } else {
      const {input} = word;
      see(input);
      if (follows) pass(input);
      else if (input.is === "block") {
        feed.push(input.block);
        if (feed.length > kept) feed.shift();
      }
      meet();
    }
  };
  const lead = (): void => {
    leads = true;
    follows = false;
    feed = [];
    term = Math.max(term + 1, Date.now());
    open = false;
    announce();
    connect();
  };
  const join = (): void => {
    const joined = (channel = new BroadcastChannel(name));
    const gone = new AbortController();
    release = () => gone.abort();
    joined.onmessage = ({data}) => {
      if (channel === joined) hear(data);
    };
    navigator.locks.request(name, {signal: gone.signal}, () => new Promise<void>((resolve) => {
      if (channel !== joined) return resolve();
      release = resolve;
      lead();
    })).catch((e) => {
      if (channel !== joined) return; // it waits no more
      warn("tabs", e);
      lead();
    });
    ask();
  };
  return {
    open(cursor) {
      if (!channel) {
        at = cursor;
        join();
      } else if (!follows && (leads || term)) connect();
    },
    cut,
    doubt() {
      if (leads) {
        open = false;
        say({say: "feed", term, input: {is: "lost", why: silent}});
      }
      follows = false;
      cut();
    },
    leave() {
      cut();
      channel?.close();
      channel = undefined;
      leads = follows = open = false;
      term = 0;
      feed = [];
      release?.();
    },
    tick() {
      if (leads) say({say: "feed", term, input: {is: "heard"}});
    },
  };
}
