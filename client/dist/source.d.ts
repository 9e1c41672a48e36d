import { type Input } from "./machine.ts";
/** What a source tells: what happens to its connection, and what comes over it. */
export type Tell = (input: Input) => void;
/** Where the events of a subscription come from. It tells nothing after `cut` until it is opened again. */
export interface Source {
    /** Connects, in place of the connection that there is. The stream goes on after the event with the id `cursor`. */
    open(cursor: string): void;
    /** Closes the connection. */
    cut(): void;
    /** Does so where the connection seemed to be open, but nothing came. */
    doubt(): void;
    /** Closes all that there is, until the source is opened again. */
    leave(): void;
    /** Is called every few seconds. */
    tick(): void;
}
/** The request of a connection. */
export interface Request {
    url: (cursor: string) => string;
    init: () => RequestInit;
    /** Is awaited before more is read. */
    room: () => Promise<void> | undefined;
}
/**
 * A source that reads one stream by `fetch`. Unlike an EventSource it sees comments, so that it can tell a quiet stream from a dead
 * one, and statuses of HTTP; and it can send a token in a header. The cursor is in the URL: a service worker may forget headers, and
 * a header would cause a preflight for another origin.
 */
export declare function connection(request: Request, tell: Tell): Source;
