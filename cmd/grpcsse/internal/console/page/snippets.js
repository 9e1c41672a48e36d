// @ts-check
// What a stream looks like elsewhere: on a command line and in a page.

/** @param {string} text for a POSIX shell */
const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * Where pages find the routes, and the address to connect to where the name may not lead there.
 * @param {{streams: string, listen: string, tls: boolean, host: string}} served @param {{origin: string, hostname: string}} page
 * @returns {{origin: string, connect: string}}
 */
export function publicOrigin({ streams, listen, tls, host }, page) {
  if (!streams) return { origin: page.origin, connect: "" };
  const colon = listen.lastIndexOf(":");
  const port = listen.slice(colon);
  const bound = listen.slice(0, colon);
  const reached = ["", "0.0.0.0", "[::]"].includes(bound) ? page.hostname : bound;
  return { origin: `${tls ? "https" : "http"}://${host || reached}${port}`, connect: host ? `${reached}${port}` : "" };
}

/**
 * @typedef {{method: string, url: string, connect: string, body: string, headers: [string, string][], names: string[]}} Request
 * @param {Request} request
 */
export function curl({ method, url, connect, body, headers }) {
  const lines = [`curl -N ${shell(url)}`];
  if (connect) lines.push(`  --connect-to ${shell(`::${connect}`)}`);
  lines.push(`  -H 'Accept: text/event-stream'`);
  for (const [name, value] of headers) lines.push(`  -H ${shell(value ? `${name}: ${value}` : `${name};`)}`);
  if (method !== "GET") lines.push(`  -X ${method}`, `  -H 'Content-Type: application/json'`, `  --data-raw ${shell(body)}`);
  return lines.join(" \\\n");
}

/** @param {Request} request */
export function script(request) {
  return request.method === "GET" ? eventSource(request) : reader(request);
}

/** @param {Request} request names are those that its events may have */
function eventSource({ url, headers, names }) {
  const own = [...new Set(names)].filter((n) => n !== "message" && !n.startsWith("grpc-"));
  const listen = (own.length ? own : ["message"]).map((n) => n === "message"
    ? "source.onmessage = (event) => {\n  console.log(event.lastEventId, JSON.parse(event.data));\n};"
    : `source.addEventListener(${JSON.stringify(n)}, (event) => {\n  console.log(event.type, event.lastEventId, JSON.parse(event.data));\n});`);
  return `${headers.length ? "// An EventSource sends no headers of your own. Cookies it sends.\n" : ""}const source = new EventSource(${JSON.stringify(url)});

${listen.join("\n")}
source.addEventListener("grpc-status", (event) => {
  const status = JSON.parse(event.data); // how the stream ended
  console.log(status);
  if (!status.retry) source.close();
});
addEventListener("pagehide", () => source.close());`;
}

/** @param {Request} request */
function reader({ method, url, body, headers }) {
  const sent = { Accept: "text/event-stream", "Content-Type": "application/json", ...Object.fromEntries(headers) };
  return `// An EventSource sends only GET requests. This reads the events of the stream itself.
const answer = await fetch(${JSON.stringify(url)}, {
  method: ${JSON.stringify(method)},
  headers: ${JSON.stringify(sent)},
  body: ${JSON.stringify(body)},
});
const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
let rest = "";
for (let part = await reader.read(); !part.done; part = await reader.read()) {
  const events = (rest + part.value).split("\\n\\n");
  rest = events.pop(); // the beginning of an event whose end has not come
  for (const event of events) {
    const name = event.match(/^event: (.*)/m)?.[1] ?? "message"; // "grpc-status" says how the stream ended
    const data = event.match(/^data: (.*)/m)?.[1];
    if (data) console.log(name, JSON.parse(data));
  }
}`;
}
