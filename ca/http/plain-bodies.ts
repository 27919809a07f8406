/** Bodies that are no JSON reach their route as bytes, whatever their content type: tools name many, or none. */
import type { FastifyInstance } from "fastify";

export function takeAnyBody(app: FastifyInstance): void {
  app.removeContentTypeParser("text/plain"); // Its decoding would spoil bytes.
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_, body, done) => done(null, body));
}

/** What `takeAnyBody` left in a request; nothing for one without a body. */
export function bytesOf(body: unknown): Uint8Array {
  return body instanceof Uint8Array ? body : new Uint8Array();
}
