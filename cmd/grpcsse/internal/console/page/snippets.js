// @ts-check
// What a route looks like elsewhere: on a command line, in a page, in the configuration.

/** @param {string} text for a POSIX shell */
const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** @param {string} text for YAML: JSON's strings are YAML's, and a plain one needs no quotes */
const yaml = (text) => /^[A-Za-z_/][A-Za-z0-9_./-]*$/.test(text) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(text) ? text : JSON.stringify(text);

/** @param {any} detail @param {string} url @param {string} body @param {[string, string][]} headers */
export function curl(detail, url, body, headers) {
  const lines = [`curl -N ${shell(url)}`, `  -H 'Accept: text/event-stream'`];
  for (const [name] of headers) lines.push(`  -H ${shell(`${name}: …`)}`);
  if (detail.method !== "GET") lines.push(`  -X ${detail.method}`, `  -H 'Content-Type: application/json'`, `  -d ${shell(body)}`);
  return lines.join(" \\\n");
}

/** @param {any} detail @param {string} url @param {string[]} names of events that were seen */
export function eventSource(detail, url, names) {
  if (detail.method !== "GET") return "// An EventSource sends only GET requests. Use fetch for this route.";
  const own = [...new Set(names)].filter((n) => n !== "message" && !n.startsWith("grpc-"));
  const listen = (own.length ? own : ["message"]).map((n) => n === "message"
    ? "source.onmessage = (event) => {\n  console.log(event.lastEventId, JSON.parse(event.data));\n};"
    : `source.addEventListener(${JSON.stringify(n)}, (event) => {\n  console.log(event.lastEventId, JSON.parse(event.data));\n});`);
  return `const source = new EventSource(${JSON.stringify(url)});\n\n${listen.join("\n")}
source.addEventListener("grpc-status", (event) => {
  const status = JSON.parse(event.data); // how the stream ended
  if (!status.retry) source.close();
});
addEventListener("pagehide", () => source.close());`;
}

/** @param {any} detail */
export function config(detail) {
  const lines = ["routes:", `  - name: ${yaml(detail.name)}`, `    path: ${yaml(detail.path)}`];
  if (detail.rpc) lines.push(`    rpc: ${yaml(detail.rpc)}`);
  if (detail.method !== "GET") lines.push(`    methods: [${detail.method}]`);
  if (detail.event_id) lines.push(`    event: {id: ${yaml(detail.event_id)}}`);
  if (detail.late_join) lines.push(`    share: {late_join: ${detail.key ? `{${detail.late_join}: ${yaml(detail.key)}}` : yaml(detail.late_join)}}`);
  return lines.join("\n");
}
