import {status, type Input, type Status} from "./machine.ts";
import {parser} from "./parse.ts";

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
export function connection(request: Request, tell: Tell): Source {
  let abort: AbortController | undefined;
  const cut = (): void => {
    abort?.abort();
    abort = undefined;
  };
  const open = async (cursor: string): Promise<void> => {
    cut();
    const mine = (abort = new AbortController());
    const say: Tell = (input) => {
      if (abort === mine) tell(input);
    };
    let why: Status;
    try {
      const response = await fetch(request.url(cursor), {
        cache: "no-store", ...request.init(), signal: mine.signal,
      });
      if (response.status === 200 && response.headers.get("content-type")?.startsWith("text/event-stream")) {
        say({is: "opened"});
        const parse = parser((block) => say({is: "block", block}), (ms) => say({is: "retry", ms}));
        const decoder = new TextDecoder(), reader = response.body!.getReader();
        for (let piece; abort === mine && !(piece = await reader.read()).done; await request.room()) {
          say({is: "heard"});
          parse(decoder.decode(piece.value, {stream: true}));
        }
        why = status("network", "it ended");
      } else why = await refusal(response);
    } catch (e) {
      why = status("network", String(e));
    }
    say({is: "lost", why});
  };
  return {open, cut, doubt: cut, leave: cut, tick() {}};
}

/** Codes of gRPC for statuses of HTTP. */
const codes: Record<string, number> = {204: 0, 401: 16, 403: 7, 404: 5};

/** What an answer that is no stream means. The bridge says it in a body of JSON; anything else comes from a proxy or another server. */
async function refusal(response: Response): Promise<Status> {
  const http = String(response.status);
  try {
    const said = await response.json();
    if (said.reason) return said;
  } catch {
    // it was another server
  }
  const final = /204|4(?!08|29)../.test(http);
  return status("http", response.headers.get("content-type") ?? "", codes[http] ?? 14, "HTTP " + http, !final);
}
