import type {Block} from "./parse.ts";

/** How a stream fares. */
export type State = "connecting" | "live" | "stale" | "reconnecting" | "ended";

/** The end of a stream, or why it is interrupted: what the event `grpc-status` says, or what the page found out by itself. */
export interface Status {
  /** The code of gRPC: 0 is OK. */
  code: number;
  /** The name of the code. */
  status: string;
  message: string;
  details?: unknown[];
  /** Whether the subscription comes back. */
  retry: boolean;
  /**
   * Who ended the stream. Besides the reasons of the bridge: `network` (the connection broke), `http` (the answer was no stream),
   * `silent` (nothing came for too long), `token` (the page could give no token), `hidden` (the page is in the back/forward cache)
   * and `closed` (the page closed the subscription).
   */
  reason: string;
}

/** What a subscription knows. It is never changed in place. */
export interface Model {
  state: State;
  /** Why the state is not live, undefined while it is. */
  why?: Status | undefined;
  /** The id of the last event. */
  cursor: string;
  /** How many connections in a row came to nothing. */
  failures: number;
  /** The reconnection time of the server, in milliseconds. */
  retry: number;
  /** When the connection was asked for, and when something came last. */
  since: number;
  heard: number;
  /** How long nothing may come, in milliseconds. 0 is for ever. */
  silence: number;
  /** Whether the page gives tokens; the one it gave last is good; and one was refused without an event since. */
  tokens: boolean;
  good?: boolean | undefined;
  renewed?: boolean | undefined;
  /** A connection is there, or on its way. */
  busy?: boolean;
  hidden?: boolean;
}

export type Input =
  | {is: "start" | "due" | "renewed" | "opened" | "heard" | "tick" | "online" | "pageshow" | "pagehide"}
  | {is: "block"; block: Block}
  | {is: "retry"; ms: number}
  | {is: "lost" | "close"; why: Status};

export type Effect =
  | "connect" | "cut" | "leave"
  | "renew" // the token
  | "doubt" // what told that the connection was open
  | "deliver" | "notice" // the event of the input
  | number; // have "due" after so many milliseconds

/** The next model, and what is to be done, in this order. */
export type Step = [Model, ...Effect[]];

export const longest = 30_000, steady = 10_000;

export function begin(cursor: string, silence: number, tokens: boolean): Model {
  return {state: "connecting", cursor, silence, tokens, failures: 0, retry: 3000, since: 0, heard: 0};
}

const unauthenticated = 16;

/** Makes a status of the page's own. Its code is UNAVAILABLE unless another is given. */
export function status(reason: string, message: string, code = 14, name = "UNAVAILABLE", retry = true): Status {
  return {code, status: name, message, retry, reason};
}

/** Nothing came for too long. */
export const silent = status("silent", "nothing came");

/**
 * Takes one step. It is a pure function: `now` is the time in milliseconds since 1970, which may jump, and `random` is from 0 to 1.
 */
export function step(m: Model, input: Input, now: number, random: number): Step {
  if (m.state === "ended") return [m];
  switch (input.is) {
    case "start":
    case "due":
    case "pageshow":
      return m.busy || (m.hidden && input.is === "due") ? [m] : connect({...m, hidden: false}, now);
    case "online": // all machines of a network come back at once
      return m.busy || m.hidden || !m.failures ? [m] : [m, 1000 * random];
    case "renewed":
      return m.hidden ? [{...m, good: true}] : connect({...m, good: true}, now);
    case "opened":
      return [{...m, state: "live", why: undefined, busy: true, heard: now}];
    case "heard":
      return [{...m, heard: now}];
    case "retry":
      return [{...m, retry: input.ms}];
    case "block":
      return take({...m, heard: now}, input.block, now, random);
    case "lost":
      return lose(m, input.why, now, random);
    case "tick":
      if (now < m.heard) return [{...m, heard: now}]; // the clock was set back
      return m.busy && m.silence && now - m.heard > m.silence ? lose(m, silent, now, random) : [m];
    case "pagehide":
      return [{...m, state: "reconnecting", why: status("hidden", "hidden"), busy: false, hidden: true}, "cut", "leave"];
    case "close":
      return end(m, input.why);
  }
}

/** Connects, with a new token first where one is needed. */
function connect(m: Model, now: number): Step {
  return [{...m, busy: true, since: now, heard: now}, m.tokens && !m.good ? "renew" : "connect"];
}

function end(m: Model, why: Status): Step {
  return [{...m, state: "ended", why: {...why, retry: false}, busy: false}, "cut", "leave"];
}

/** Takes an event. */
function take(m: Model, block: Block, now: number, random: number): Step {
  const at = {...m, cursor: block.id || m.cursor};
  switch (block.name) {
    case "grpc-status": {
      const why: Status = JSON.parse(block.data);
      return why.retry || why.code === unauthenticated ? lose(m, why, now, random) : end(m, why);
    }
    case "grpc-stale": {
      const {code, status: name} = JSON.parse(block.data);
      return [{...m, state: "stale", why: status("upstream", "the server is gone", code, name)}];
    }
    case "grpc-live":
      return [{...m, state: "live", why: undefined}];
    case "grpc-cursor":
      return [at, "notice"];
    case "grpc-reset":
      return [m, "notice"];
    case "grpc-expiring":
      return m.tokens ? [{...m, good: false}, "notice", "renew"] : [m, "notice"];
  }
  return block.name.startsWith("grpc-") ? [m] : [{...at, failures: 0, renewed: false}, "deliver"];
}

/** Comes back after a connection that is lost, or ends. */
function lose(m: Model, why: Status, now: number, random: number): Step {
  const {state, retry} = m;
  const refused = why.code === unauthenticated && m.tokens;
  // A token that could not be renewed may be good for a while.
  if (m.hidden || (why.reason === "token" && (state === "live" || state === "stale"))) return [m];
  // What was never a stream is a wrong URL. Later it may be the page of a proxy.
  const wrong = state === "connecting" && why.status === "HTTP 200";
  if ((wrong || !why.retry) && (!refused || m.renewed)) return end(m, why);
  const cut = why === silent ? "doubt" : "cut";
  const lasted = state !== "connecting" && now - m.since > steady;
  const failures = lasted ? 0 : m.failures;
  const next: Model = {
    ...m, state: state === "connecting" ? state : "reconnecting", why, busy: false, good: m.good && !refused,
    failures: failures + 1, renewed: m.renewed && !lasted,
  };
  return refused && !next.renewed
    ? [{...next, busy: true, heard: now, renewed: true}, cut, "renew"]
    : [next, cut, Math.max(retry, Math.min(longest, retry * 2 ** failures)) * (1 + random / 2)];
}
