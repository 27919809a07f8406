/** Requests of HTTP as both sides of a row make and answer them. */
import { load } from "./load.mjs";

const BYTES_MAX = 64 * 1024;
const BODY = Buffer.alloc(BYTES_MAX, 7);

/** Answers with as many bytes as the path says. */
export function answering(request, response) {
  const body = BODY.subarray(0, Number(request.url.slice(1)));
  response.setHeader("content-length", body.length);
  response.end(body);
}

/** `fetch`: the global one, or that to members. */
export function fetching(fetch, target, { bytes, inFlight, ms }) {
  const call = async () => {
    const response = await fetch(`${target}${bytes}`);
    const body = await response.arrayBuffer();
    if (body.byteLength !== bytes) throw new Error(`an answer of ${body.byteLength} bytes, not ${bytes}`);
  };
  return load(call, { inFlight, ms });
}
