// Compiled, and never run: what the types allow, and what they refuse.
import {subscribe, type EventsOf, type Message, type State, type Status, type Subscription} from "grpcsse";

/** Fails to compile unless both types are the same. */
function same<A, B>(..._: (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? [] : [never]): void {}

interface Price { price: number }

export async function known(): Promise<void> {
  for await (const {data, name, id} of subscribe("/quotes/{symbol}", {symbol: "AAPL"})) {
    same<typeof data.price, number>();
    same<typeof name, "message">();
    same<typeof id, string>();
    // @ts-expect-error: there is no such field
    data.prise;
  }
  for await (const event of subscribe("/jobs/{id}", {id: "7"}, {query: {token: "x"}})) {
    if (event.name === "progress") same<typeof event.data, {percent: number}>();
    else same<typeof event.data, {result: string}>();
    // @ts-expect-error: the data depends on the name
    event.data.percent;
  }
  for await (const event of subscribe("/ticks")) same<typeof event.data, {n: string}>();
  const quotes = subscribe("/quotes/{symbol}", {symbol: "AAPL"}, {
    query: {venue: "X", depth: 3}, signal: new AbortController().signal, token: async () => "t", tabs: "me", silence: 0,
    resume: {store: sessionStorage, key: "quotes"}, onreset: (reset) => same<typeof reset.reason, string>(),
  });
  quotes.addEventListener("message", (e) => same<typeof e.data.price, number>());
  quotes.addEventListener("grpc-state", (e) => same<typeof e.detail, {state: State; why: Status | undefined}>());
  quotes.addEventListener("grpc-expiring", {handleEvent: (e) => same<typeof e.detail.in, string>()});
  same<Awaited<typeof quotes.ended>, Status>();
  same<typeof quotes.state, "connecting" | "live" | "stale" | "reconnecting" | "ended">();
  quotes.commit(quotes.lastEventId);
  const jobs: Subscription<EventsOf<"/jobs/{id}">> = subscribe("/jobs/{id}", {id: "7"}, {query: {token: "x"}});
  jobs.addEventListener("done", (e) => same<typeof e.data, {result: string}>());
}

/** The names of events may be those of an enum with numbers, or any. */
export async function names(): Promise<void> {
  for await (const event of subscribe("/sides")) {
    if (event.name === "BUY") same<typeof event.data, {buy: string}>();
    else same<typeof event.data, {n: string}>();
  }
  subscribe("/sides").addEventListener("7", (e) => same<typeof e.data, {n: string}>());
  const topics = subscribe("/topics");
  topics.addEventListener("weather", (e) => same<typeof e.data, {n: string}>());
  topics.addEventListener("grpc-state", (e) => same<typeof e.detail.state, State>());
  // @ts-expect-error: no name is a word
  subscribe("/sides").addEventListener("seven", () => {});
}

export function refused(): void {
  // @ts-expect-error: the variable is missing
  subscribe("/quotes/{symbol}");
  // @ts-expect-error: the variable is missing
  subscribe("/quotes/{symbol}", {});
  // @ts-expect-error: the variable has another name
  subscribe("/quotes/{symbol}", {symbl: "AAPL"});
  // @ts-expect-error: the variable has another type
  subscribe("/quotes/{symbol}", {symbol: 7});
  // @ts-expect-error: there is no such parameter
  subscribe("/quotes/{symbol}", {symbol: "AAPL"}, {query: {venu: "X"}});
  // @ts-expect-error: the parameter has another type
  subscribe("/quotes/{symbol}", {symbol: "AAPL"}, {query: {depth: "3"}});
  // @ts-expect-error: the query is needed
  subscribe("/jobs/{id}", {id: "7"});
  // @ts-expect-error: the parameter is needed
  subscribe("/jobs/{id}", {id: "7"}, {query: {}});
  // @ts-expect-error: the route has no parameters
  subscribe("/ticks", {query: {a: "b"}});
  // @ts-expect-error: the route has no variables
  subscribe("/ticks", {symbol: "AAPL"});
  // @ts-expect-error: there is no such option
  subscribe("/ticks", {silent: true});
  // @ts-expect-error: there is no such event
  subscribe("/jobs/{id}", {id: "7"}, {query: {token: "x"}}).addEventListener("message", () => {});
  // @ts-expect-error: the route has a type already
  subscribe<Price>("/ticks").close();
  // @ts-expect-error: the route has a type already
  subscribe<Price>("/quotes/{symbol}", {symbol: "AAPL"}).close();
  // @ts-expect-error: the state is read only
  subscribe("/ticks").state = "live";
  // @ts-expect-error: a subscription is made by subscribe
  new (subscribe("/ticks").constructor as typeof Subscription)("/ticks", {});
}

export async function other(): Promise<void> {
  for await (const event of subscribe<Price>("/prices/AAPL")) same<typeof event, Message<Price>>();
  for await (const event of subscribe<Price>("https://example.com/prices/{symbol}", {symbol: "AAPL"}, {query: {a: [1, 2]}})) {
    same<typeof event.data, Price>();
  }
  for await (const event of subscribe("/prices/AAPL")) same<typeof event.data, unknown>();
  subscribe(location.href, {credentials: "include"});
  subscribe<Price>("/prices/AAPL").addEventListener("any", (e) => same<typeof e.data, Price>());
  subscribe<Price>("/prices/AAPL").addEventListener("grpc-state", (e) => same<typeof e.detail.state, State>());
  subscribe("/prices/AAPL").addEventListener("grpc-reset", (e) => same<typeof e.detail.reason, string>());
}
