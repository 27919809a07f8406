/**
 * Why a member is not let in, told to it: HTTP/2's GOAWAY with the reason as its debug data (RFC 9113, section 6.8), directly
 * behind the settings. Who is cut without a word was not judged: the other end had no room, or the path broke.
 */
import { type ClientHttp2Session, constants, performServerHandshake, type ServerOptions } from "node:http2";
import type { TLSSocket } from "node:tls";
import { FirefliesError, isErrorCode } from "../../identity/index.js";
import { CLOSE_GRACE_MS } from "./limits.js";

/** Bytes of a reason: a code and a sentence or two. */
const WORD_BYTES_MAX = 600;
const WORD = /^([a-z-]{1,64}): (.*)$/s;

/** Resolves when the other end has closed, or after half a second: only then may the connection be cut, or the word is lost. */
export function sayRefusal(tls: TLSSocket, { code, message }: FirefliesError, options: ServerOptions): Promise<void> {
  const http2 = performServerHandshake(tls, options);
  http2.on("error", () => {});
  http2.on("stream", (stream) => {
    stream.on("error", () => {}); // It was begun before the word came: what ends here is no failure of ours.
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
  });
  tls.emit("secureConnect");
  const word = Buffer.from(`${code}: ${message}`).subarray(0, WORD_BYTES_MAX);
  http2.goaway(constants.NGHTTP2_NO_ERROR, 0, word);
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CLOSE_GRACE_MS);
    tls.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** The way to ask later whether the other end has refused us, and why. */
export function heardRefusal(http2: ClientHttp2Session): () => FirefliesError | undefined {
  let word: FirefliesError | undefined;
  http2.on("goaway", (_code: number, _lastStream: number, data?: Uint8Array) => {
    word ??= data && wordIn(data);
  });
  return () => word;
}

function wordIn(data: Uint8Array): FirefliesError | undefined {
  const [, code, text] = WORD.exec(Buffer.from(data).subarray(0, WORD_BYTES_MAX).toString("utf8")) ?? [];
  return isErrorCode(code) ? new FirefliesError(code, text) : undefined;
}
