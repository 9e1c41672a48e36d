/** An event as it stands in the stream. `id` is the last id of the stream, which an event without an id does not change. */
export interface Block { name: string; data: string; id: string }

/**
 * Returns a function that takes the text of an event stream in pieces of any size. It calls `block` for each event, and `retry` for
 * each reconnection time. The rules are those of the HTML standard, "Interpreting an event stream".
 */
export function parser(block: (b: Block) => void, retry: (ms: number) => void): (text: string) => void {
  let rest = "", name = "", id = "";
  let data: string | undefined;
  return (text) => {
    rest += text;
    if (!/[\r\n]/.test(rest.slice(-1 - text.length))) return; // a long line comes in many pieces
    const lines = rest.split(/\r\n|\n|\r(?!$)/); // a \r at the end may be the first half of \r\n
    rest = lines.pop()!;
    for (const line of lines) {
      if (!line) {
        if (data !== undefined) block({name: name || "message", data, id});
        data = undefined;
        name = "";
        continue;
      }
      const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line)!;
      if (field === "data") data = data === undefined ? value! : data + "\n" + value;
      else if (field === "event") name = value!;
      else if (field === "id" && !value!.includes("\0")) id = value!;
      else if (field === "retry" && /^\d+$/.test(value!)) retry(+value!);
    }
  };
}
