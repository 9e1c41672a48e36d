// Reads the streams of a bridge with clients that generators have made. It writes what it has read, as JSON.
import {client} from "./made/client/client.gen";
import {posted, quotes} from "./made/client/sdk.gen";
import type {DemoMarketV1Quote, GrpcStatus} from "./made/client/types.gen";
import type {paths} from "./made/types";

declare const process: {argv: string[]};

/** How many quotes are read of each stream. */
const enough = 3;
const base = process.argv[2]!;
client.setConfig({baseUrl: base});

interface Read {
  symbols: string[];
  sequences: string[];
  names: string[];
  ids: (string | undefined)[];
}

/** Reads the beginning of a stream with the client of @hey-api/openapi-ts, which parses the events itself. */
async function events(method: "GET" | "POST"): Promise<Read> {
  const read: Read = {symbols: [], sequences: [], names: [], ids: []};
  const leave = new AbortController();
  const common = {
    signal: leave.signal, sseMaxRetryAttempts: 1,
    onSseEvent: (event: {event?: string; id?: string}) => { read.names.push(event.event ?? "message"); read.ids.push(event.id); },
  };
  const {stream} = method === "GET"
    ? await quotes({path: {symbol: "AAPL"}, query: {recent: enough}, ...common})
    : await posted({path: {symbol: "AAPL"}, body: {recent: enough}, ...common});
  for await (const quote of stream) {
    const price: number | "NaN" | "Infinity" | "-Infinity" = quote.price;
    const sequence: string = quote.sequence;
    // @ts-expect-error: there is no such field
    void quote.prise;
    void price;
    read.symbols.push(quote.symbol);
    read.sequences.push(sequence);
    if (read.symbols.length === enough) break;
  }
  leave.abort();
  return read;
}

type Answers = paths["/quotes/{symbol}"]["get"]["responses"];
type Line = Answers[200]["content"]["application/x-ndjson"];
type Refusal = Answers[400]["content"]["application/json"];

/** Reads lines of JSON with the types of openapi-typescript. */
async function lines(): Promise<string[]> {
  const leave = new AbortController();
  const answer = await fetch(`${base}/quotes/AAPL?recent=${enough}`, {headers: {accept: "application/x-ndjson"}, signal: leave.signal});
  const symbols: string[] = [];
  let text = "";
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>) {
    const whole = (text += chunk).split("\n");
    text = whole.pop()!;
    for (const line of whole) symbols.push((JSON.parse(line) as Line).symbol);
    if (symbols.length >= enough) break;
  }
  leave.abort();
  return symbols.slice(0, enough);
}

async function refused(): Promise<Refusal> {
  const answer = await fetch(`${base}/quotes/AAPL?recent=many`);
  return await answer.json() as Refusal;
}

// The types of both are those of the same schemas.
const status: GrpcStatus = {code: 3, status: "INVALID_ARGUMENT", message: "", retry: false, reason: "request"} satisfies Refusal;
const line = (quote: DemoMarketV1Quote): Line => quote;
void status;
void line;
// @ts-expect-error: the parameter has another type
export const wrongType = (): unknown => quotes({path: {symbol: "AAPL"}, query: {recent: "three"}});
// @ts-expect-error: the variable of the path is missing
export const missing = (): unknown => quotes({query: {recent: 3}});
// @ts-expect-error: the path gives the symbol
export const twice = (): unknown => posted({path: {symbol: "AAPL"}, body: {symbol: "AAPL"}});

async function main(): Promise<void> {
  console.log(JSON.stringify({get: await events("GET"), post: await events("POST"), lines: await lines(), refused: await refused()}));
}

void main();
