/**
 * The secrets of reliable UDP. They keep those off the path from moving, resetting or opening connections; who the other
 * end is, and what may be read, is TLS's business above.
 */
import { randomBytes } from "node:crypto";
import { type AgreementKey, agreedBytes, hmac16 } from "../../../identity/index.js";
import { equalBytes } from "../../../rings/index.js";
import type { HostPort } from "../../address.js";
import { TAG_BYTES, TOKEN_BYTES } from "./wire.js";

const KEY_BYTES = 32;
const INFO = "fireflies/1/udx";
/** A cookie holds for so long, or twice that, milliseconds: as long as a dialler asks for its connection. */
const COOKIE_MS = 10_000;

/** What only the two ends of a connection know. */
export interface ConnectionKeys {
  readonly key: Uint8Array;
  /** TAG_BYTES by which I know it. */
  readonly tag: Uint8Array;
  readonly peerTag: Uint8Array;
}

/** Undefined when the other end's key is none, or ours. */
export function connectionKeys(own: AgreementKey, theirs: Uint8Array): ConnectionKeys | undefined {
  const found = agreedBytes(own, theirs, { info: INFO, bytes: KEY_BYTES + 2 * TAG_BYTES });
  if (found === undefined) return undefined;
  const { agreed, isLower } = found;
  const [low, high] = [agreed.slice(KEY_BYTES, KEY_BYTES + TAG_BYTES), agreed.slice(KEY_BYTES + TAG_BYTES)];
  const [tag, peerTag] = isLower ? [low, high] : [high, low];
  return { key: agreed.slice(0, KEY_BYTES), tag, peerTag };
}

/** What an endpoint alone knows. By it answers need no memory. */
export class EndpointSecrets {
  readonly #cookies = randomBytes(KEY_BYTES);
  readonly #tokens = randomBytes(KEY_BYTES);
  readonly #paths = randomBytes(KEY_BYTES);

  /** For a dialler that has this address; `now` in milliseconds. */
  cookie(from: HostPort, nonce: Uint8Array, now: number): Uint8Array {
    return this.#cookieOf(from, nonce, Math.floor(now / COOKIE_MS));
  }

  isCookie(cookie: Uint8Array, from: HostPort, nonce: Uint8Array, now: number): boolean {
    const turn = Math.floor(now / COOKIE_MS);
    return [turn, turn - 1].some((at) => equalBytes(cookie, this.#cookieOf(from, nonce, at)));
  }

  /** Says that the stream with this id of mine is gone. */
  token(id: number): Uint8Array {
    return hmac16(this.#tokens, text(id)).slice(0, TOKEN_BYTES);
  }

  /** What a connection must bring back from an address to show that it is there. */
  pathValue(tag: Uint8Array, counter: number, at: HostPort): Uint8Array {
    return hmac16(this.#paths, Buffer.concat([tag, text(counter, at.port, at.host)]));
  }

  #cookieOf({ host, port }: HostPort, nonce: Uint8Array, turn: number): Uint8Array {
    return hmac16(this.#cookies, Buffer.concat([nonce, text(turn, port, host)]));
  }
}

function text(...parts: readonly (string | number)[]): Uint8Array {
  return Buffer.from(parts.join(" "));
}
