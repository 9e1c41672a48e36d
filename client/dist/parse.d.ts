/** An event as it stands in the stream. `id` is the last id of the stream, which an event without an id does not change. */
export interface Block {
    name: string;
    data: string;
    id: string;
}
/**
 * Returns a function that takes the text of an event stream in pieces of any size. It calls `block` for each event, and `retry` for
 * each reconnection time. The rules are those of the HTML standard, "Interpreting an event stream".
 */
export declare function parser(block: (b: Block) => void, retry: (ms: number) => void): (text: string) => void;
