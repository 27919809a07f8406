/** Headers of the Fetch API from those of `node:http`. */

/** `pairs`: names and values in turns, as Node has them. */
export function headersOf(pairs: readonly string[]): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < pairs.length; at += 2) headers.append(pairs[at] as string, pairs[at + 1] as string);
  return headers;
}
