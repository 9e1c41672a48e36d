import {attempt} from "./attempt.ts";
import {begin, status, step, type Effect, type Input, type Model, type State, type Status} from "./machine.ts";
import {Queue} from "./queue.ts";
import {connection, type Request, type Source, type Tell} from "./source.ts";
import {tabs} from "./tabs.ts";
import {extend, type Query} from "./url.ts";

/** An event of a stream: one message of the upstream. */
export interface Message<Data = unknown, Name extends string = string> {
  /** The name that the route gives the event, `message` where it gives none. */
  name: Name;
  /** The parsed JSON. 64-bit integers are strings. Data that is no JSON, which no bridge sends, is the text itself. */
  data: Data;
  /** The id of the last event of the stream that had one, "" where there was none. */
  id: string;
}

/** The data of the event `grpc-reset`. */
export interface Reset { reason: string; last_event_id: string }

/** Options of a subscription. All are optional. */
export interface Options<Parameters extends Query = Query> {
  /** Parameters of the query, which set fields of the request. */
  query?: Parameters;
  /** Aborts the subscription, as `close` does. */
  signal?: AbortSignal;
  /**
   * Returns a token for the stream. It is asked before the first connection, when the bridge says that the token expires
   * (`grpc-expiring`), and once when it is refused (UNAUTHENTICATED). Where it returns "", none is sent: use that to renew a cookie.
   */
  token?: () => string | Promise<string>;
  /** The parameter of the query that has the token. By default, the token is in the header `Authorization`, as `Bearer`. */
  tokenParameter?: string;
  /** Whether cookies go to another origin: as in `fetch`. */
  credentials?: RequestCredentials;
  /**
   * Where the id of the last event that the page has processed is kept, so that a reload of the page goes on after it. The page says
   * what it has processed by `commit`. `store` is `sessionStorage` by default, where each tab has a place of its own, and `key` is the
   * URL. Where the store is full or forbidden, the page is warned in the console, and a reload begins anew.
   */
  resume?: {store?: Pick<Storage, "getItem" | "setItem">; key?: string};
  /** Is called where events may be missing: the page should load its state anew. */
  onreset?: (reset: Reset) => void;
  /**
   * After how many milliseconds without anything, not even a comment, the connection counts as dead. The bridge sends something
   * every 15 s (`heartbeat` of the route). 45000 by default; 0 is never.
   */
  silence?: number;
  /**
   * Whether all tabs of the origin that have this option, the same URL and the same value use one connection. It needs events with
   * ids. Where users can change without a reload, or have tokens, give a name of the user: tabs of two users then have two connections.
   */
  tabs?: boolean | string;
}

type DataOf<E, N> = E extends {name: infer M; data: infer D} ? (N extends M ? D : never) : never;
type Listener<E> = ((event: E) => void) | {handleEvent(event: E): void} | null;

/** Where this many events wait for a loop, no more is read: the bridge then holds the stream back. */
const most = 1000;

/**
 * A stream of events, which comes back by itself. Read it with `for await`, or listen to its events by their names, or both. It
 * connects when the first loop or listener for data is there, so that none of them misses an event.
 *
 * A loop ends when the stream has ended with OK or was closed, and throws the {@link Status} as an error after any other end. Leaving
 * the loop closes the subscription.
 */
export class Subscription<E extends Message = Message> extends EventTarget implements AsyncIterable<E> {
  private model: Model;
  private readonly source: Source;
  private readonly queues = new Set<Queue<E>>();
  private readonly settled: Promise<Status>;
  private settle!: (s: Status) => void;
  private told: Model;
  private begun = false;
  private secret = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private full: Promise<void> | undefined;
  private drain: (() => void) | undefined;
  private readonly place: string;

  /** @internal */
  constructor(url: string, private readonly options: Options) {
    super();
    const {signal, token, tokenParameter, resume, onreset, silence = 45_000, credentials} = options;
    const bare = extend(url, options.query ?? {});
    this.place = resume?.key ?? "grpcsse " + bare;
    this.model = begin(this.keep((store) => store.getItem(this.place)) ?? "", silence, !!token);
    this.told = this.model;
    this.settled = new Promise((resolve) => (this.settle = resolve));
    const request: Request = {
      url: (cursor) => extend(bare, {
        ...(tokenParameter && {[tokenParameter]: this.secret || undefined}), last_event_id: cursor || undefined,
      }),
      init: () => ({
        credentials: credentials!, // fetch takes undefined as nothing
        headers: {Accept: "text/event-stream", ...(this.secret && !tokenParameter && {Authorization: "Bearer " + this.secret})},
      }),
      room: () => this.full,
    };
    const own = (tell: Tell): Source => connection(request, tell);
    const tell: Tell = (input) => this.take(input);
    this.source = options.tabs ? tabs(JSON.stringify(["grpcsse 1", bare, options.tabs]), own, tell) : own(tell);
    if (onreset) this.addEventListener("grpc-reset", (e) => onreset(e.detail));
    if (signal?.aborted) this.close();
    signal?.addEventListener("abort", () => this.close());
  }

  /** `connecting` at first, `live`, `stale` while the bridge is without the upstream, `reconnecting`, and `ended` for good. */
  get state(): State {
    return this.model.state;
  }

  /** Why the state is what it is: the last `grpc-status`, or what the page found out by itself. Undefined while all is well. */
  get why(): Status | undefined {
    return this.model.why;
  }

  /** The id of the last event that has come. */
  get lastEventId(): string {
    return this.model.cursor;
  }

  /** Is fulfilled when the stream has ended for good, with its status, whatever the status is. */
  get ended(): Promise<Status> {
    this.start();
    return this.settled;
  }

  /** Closes the stream for good. */
  close(): void {
    this.take({is: "close", why: status("closed", "closed", 1, "CANCELLED")});
  }

  /** Says that the page has processed the event with this id and all before it. See {@link Options.resume}. */
  commit(id: string): void {
    if (id) this.keep((store) => store.setItem(this.place, id));
  }

  /** Works with the place that {@link Options.resume} names, if it does. */
  private keep<T>(use: (store: Pick<Storage, "getItem" | "setItem">) => T): T | undefined {
    const {resume} = this.options;
    return resume && attempt("resume", () => use(resume.store ?? sessionStorage));
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<E> {
    const queue = new Queue<E>(() => this.makeRoom(), (q) => {
      this.queues.delete(q);
      this.close();
    });
    this.queues.add(queue);
    if (this.state === "ended") queue.end(this.failure());
    this.start();
    return queue;
  }

  override addEventListener(
    name: "grpc-state", listener: Listener<CustomEvent<{state: State; why: Status | undefined}>>,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    name: "grpc-reset", listener: Listener<CustomEvent<Reset>>, options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    name: "grpc-expiring", listener: Listener<CustomEvent<{in: string}>>, options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener<N extends E["name"]>(
    name: N, listener: Listener<MessageEvent<DataOf<E, N>>>, options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(name: string, listener: unknown, options?: boolean | AddEventListenerOptions): void {
    super.addEventListener(name, listener as EventListener, options);
    if (!name.startsWith("grpc-")) this.start();
  }

  /** Connects, unless it has. The code that called may add more listeners first. */
  private start(): void {
    if (this.begun) return;
    this.begun = true;
    queueMicrotask(() => {
      if (this.state === "ended") return;
      this.listen("addEventListener");
      this.watch = setInterval(() => this.tick(), 5000);
      this.take({is: "start"});
    });
  }

  /** Begins to listen to the window, or ends that. */
  private listen(how: "addEventListener" | "removeEventListener"): void {
    for (const name of ["pagehide", "pageshow", "online"]) globalThis[how]?.(name, this);
  }

  /** @internal */
  handleEvent({type}: Event): void {
    this.take({is: type as "pagehide"});
  }

  private tick(): void {
    this.source.tick();
    this.take({is: this.full ? "heard" : "tick"}); // it is not the connection that is quiet
  }

  /** Moves on by one input, and does what follows from it. */
  private take(input: Input): void {
    try {
      const [model, ...effects] = step(this.model, input, Date.now(), Math.random());
      const first = !this.model.cursor;
      this.model = model;
      for (const effect of effects) this.act(effect, input, first);
    } catch (e) {
      this.take({is: "close", why: status("message", String(e), 15, "DATA_LOSS", false)});
    }
    const {state, why} = this.model;
    if (state !== this.told.state || why !== this.told.why) this.changed(state, why);
  }

  /** Does what a step asks for. `first` says that no event has come before. */
  private act(effect: Effect, input: Input, first: boolean): void {
    const {source} = this;
    if (effect === "connect") source.open(this.model.cursor);
    else if (effect === "renew") void this.renew();
    else if (effect === "deliver" || effect === "notice") {
      const {name, data, id} = (input as Extract<Input, {is: "block"}>).block;
      if (effect === "deliver") this.deliver(name, attempt("data", () => JSON.parse(data), data), id);
      else if (name !== "grpc-cursor") this.tell(name, JSON.parse(data));
      else if (first) this.commit(id); // no event has come that the page could have to process
    } else {
      clearTimeout(this.timer);
      if (typeof effect === "string") source[effect]();
      else this.timer = setTimeout(() => this.take({is: "due"}), effect);
    }
  }

  private changed(state: State, why: Status | undefined): void {
    this.told = this.model;
    if (state === "ended") {
      clearInterval(this.watch);
      this.listen("removeEventListener");
      this.settle(why!);
      for (const queue of this.queues) queue.end(this.failure());
      this.makeRoom();
    }
    this.tell("grpc-state", {state, why});
  }

  /** The error of loops, undefined after an end that is none. */
  private failure(): Error | undefined {
    const why = this.why!;
    return why.code && why.reason !== "closed" ? Object.assign(new Error(`${why.status}: ${why.message}`), {status: why}) : undefined;
  }

  private deliver(name: string, data: unknown, id: string): void {
    for (const queue of this.queues) {
      queue.push({name, data, id} as E);
      if (queue.items.length >= most) this.full ??= new Promise((resolve) => (this.drain = resolve));
    }
    this.dispatchEvent(new MessageEvent(name, {data, lastEventId: id}));
  }

  private makeRoom(): void {
    if (this.state !== "ended" && [...this.queues].some((q) => q.items.length > most / 2)) return;
    this.drain?.();
    this.full = this.drain = undefined;
  }

  private tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, {detail}));
  }

  private async renew(): Promise<void> {
    try {
      this.secret = await this.options.token!();
      this.take({is: "renewed"});
    } catch (e) {
      this.take({is: "lost", why: status("token", String(e))});
    }
  }
}
