import { type State, type Status } from "./machine.ts";
import { type Query } from "./url.ts";
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
export interface Reset {
    reason: string;
    last_event_id: string;
}
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
    resume?: {
        store?: Pick<Storage, "getItem" | "setItem">;
        key?: string;
    };
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
type DataOf<E, N> = E extends {
    name: infer M;
    data: infer D;
} ? (N extends M ? D : never) : never;
type Listener<E> = ((event: E) => void) | {
    handleEvent(event: E): void;
} | null;
/**
 * A stream of events, which comes back by itself. Read it with `for await`, or listen to its events by their names, or both. It
 * connects when the first loop or listener for data is there, so that none of them misses an event.
 *
 * A loop ends when the stream has ended with OK or was closed, and throws the {@link Status} as an error after any other end. Leaving
 * the loop closes the subscription.
 */
export declare class Subscription<E extends Message = Message> extends EventTarget implements AsyncIterable<E> {
    private readonly options;
    private model;
    private readonly source;
    private readonly queues;
    private readonly settled;
    private settle;
    private told;
    private begun;
    private secret;
    private timer;
    private watch;
    private full;
    private drain;
    private readonly place;
    /** `connecting` at first, `live`, `stale` while the bridge is without the upstream, `reconnecting`, and `ended` for good. */
    get state(): State;
    /** Why the state is what it is: the last `grpc-status`, or what the page found out by itself. Undefined while all is well. */
    get why(): Status | undefined;
    /** The id of the last event that has come. */
    get lastEventId(): string;
    /** Is fulfilled when the stream has ended for good, with its status, whatever the status is. */
    get ended(): Promise<Status>;
    /** Closes the stream for good. */
    close(): void;
    /** Says that the page has processed the event with this id and all before it. See {@link Options.resume}. */
    commit(id: string): void;
    /** Works with the place that {@link Options.resume} names, if it does. */
    private keep;
    [Symbol.asyncIterator](): AsyncIterableIterator<E>;
    addEventListener(name: "grpc-state", listener: Listener<CustomEvent<{
        state: State;
        why: Status | undefined;
    }>>, options?: boolean | AddEventListenerOptions): void;
    addEventListener(name: "grpc-reset", listener: Listener<CustomEvent<Reset>>, options?: boolean | AddEventListenerOptions): void;
    addEventListener(name: "grpc-expiring", listener: Listener<CustomEvent<{
        in: string;
    }>>, options?: boolean | AddEventListenerOptions): void;
    addEventListener<N extends E["name"]>(name: N, listener: Listener<MessageEvent<DataOf<E, N>>>, options?: boolean | AddEventListenerOptions): void;
    /** Connects, unless it has. The code that called may add more listeners first. */
    private start;
    /** Begins to listen to the window, or ends that. */
    private listen;
    private tick;
    /** Moves on by one input, and does what follows from it. */
    private take;
    /** Does what a step asks for. `first` says that no event has come before. */
    private act;
    private changed;
    /** The error of loops, undefined after an end that is none. */
    private failure;
    private deliver;
    private makeRoom;
    private tell;
    private renew;
}
export {};
