/** Text that comes in pieces, line by line: exports of the audit, and backups. */

/**
 * The lines of `pieces`, without their ends ("\n" or "\r\n"); what follows the last end is a line, too. Rejects as `pieces` does,
 * or with a RangeError for a line of more than `charactersMax`.
 */
export async function* linesIn(pieces: AsyncIterable<string>, charactersMax: number): AsyncGenerator<string, void> {
  let rest = "";
  for await (const piece of pieces) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > charactersMax) throw new RangeError("a line is too long");
    for (const line of lines) yield withoutReturn(line);
  }
  if (rest !== "") yield withoutReturn(rest);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
