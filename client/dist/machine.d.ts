import type { Block } from "./parse.ts";
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
export type Input = {
    is: "start" | "due" | "renewed" | "opened" | "heard" | "tick" | "online" | "pageshow" | "pagehide";
} | {
    is: "block";
    block: Block;
} | {
    is: "retry";
    ms: number;
} | {
    is: "lost" | "close";
    why: Status;
};
export type Effect = "connect" | "cut" | "leave" | "renew" | "doubt" | "deliver" | "notice" | number;
/** The next model, and what is to be done, in this order. */
export type Step = [Model, ...Effect[]];
export declare const longest = 30000, steady = 10000;
export declare function begin(cursor: string, silence: number, tokens: boolean): Model;
/** Makes a status of the page's own. Its code is UNAVAILABLE unless another is given. */
export declare function status(reason: string, message: string, code?: number, name?: string, retry?: boolean): Status;
/** Nothing came for too long. */
export declare const silent: Status;
/**
 * Takes one step. It is a pure function: `now` is the time in milliseconds since 1970, which may jump, and `random` is from 0 to 1.
 */
export declare function step(m: Model, input: Input, now: number, random: number): Step;
