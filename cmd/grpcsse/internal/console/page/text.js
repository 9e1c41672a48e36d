// @ts-check

/**
 * The text of a comment without the line breaks of its source. A line that is indented, or begins a list, keeps its own line.
 * @param {string} text
 */
export function flow(text) {
  return text.split(/\n[ \t]*\n/).map((paragraph) => paragraph.replace(/\n(?![ \t]*([-*•#|]|\d+[.)])[ \t]|[ \t]{2,})[ \t]*/g, " ")).join("\n\n");
}

/**
 * Pieces of a path, a name or an address, between which a line may break.
 * @param {string} text @returns {string[]}
 */
export const pieces = (text) => text.split(/(?<=[/.?&])/);
