/** The bytes of the bodies of signed calls, as they came: what was signed is not what a parser makes of it. */
import { Transform, type TransformCallback } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { AUTHORITY_BODY_BYTES_MAX } from "../../identity/index.js";
import { concatBytes } from "../../rings/index.js";

export class SignedBodies {
  readonly #chunks = new WeakMap<FastifyRequest, Uint8Array[]>();

  /** Keeps them from now on, for as long as their requests live. */
  watch(app: FastifyInstance): void {
    app.addHook("preParsing", async (request, _, payload) => {
      if (request.headers.signature === undefined) return payload;
      const kept: Uint8Array[] = [];
      this.#chunks.set(request, kept);
      const keeper = new Keeper(kept);
      payload.on("error", (error) => keeper.destroy(error));
      return payload.pipe(keeper);
    });
  }

  of(request: FastifyRequest): Uint8Array {
    return concatBytes(...(this.#chunks.get(request) ?? []));
  }
}

class Keeper extends Transform {
  readonly #kept: Uint8Array[];
  /** Fastify compares it with the announced length. */
  receivedEncodedLength = 0;

  constructor(kept: Uint8Array[]) {
    super();
    this.#kept = kept;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.receivedEncodedLength += chunk.length;
    // Beyond its limit fastify refuses the body.
    if (this.receivedEncodedLength <= AUTHORITY_BODY_BYTES_MAX) this.#kept.push(chunk);
    done(null, chunk);
  }
}
