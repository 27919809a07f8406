/** How a stream of a member and a connection to the nats-server are brought together: of routes, and of clients. */
import { once } from "node:events";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connectAs, type Fields, headLine, infoForMember } from "./greeting.js";
import { nextHead } from "./next-head.js";

export type Greet = (stream: Duplex, id: string, dial: () => Promise<Socket>) => Promise<void>;

/** Milliseconds for the server to answer a client's first words, while its configuration must not be read again. */
const ANSWER_MS = 100;

/** A route says the server's own secret, which nobody else knows. */
export function greetRoute(proof: Fields): Greet {
  return async (stream, _id, dial) => {
    const socket = await dial();
    const info = await nextHead(socket, "INFO");
    stream.write(Buffer.concat([info.before, headLine("INFO", info.fields)]));
    const connect = await nextHead(stream, "CONNECT");
    socket.write(Buffer.concat([connect.before, headLine("CONNECT", connectAs(connect.fields, proof))]));
  };
}

export interface ClientGreeting {
  /** What the server says of itself. */
  readonly info: Fields;
  /** Resolves when the server knows the member. */
  readonly known: (id: string) => Promise<void>;
  readonly prove: (id: string, nonce: unknown) => Fields;
  /** While `run` does, the server does not read its configuration again: that would end connections that are not proven yet. */
  readonly undisturbed: (run: () => Promise<void>) => Promise<void>;
}

/** The server is dialled when all that it wants to hear is there. */
export function greetClient({ info, known, prove, undisturbed }: ClientGreeting): Greet {
  const shown = headLine("INFO", infoForMember(info));
  return async (stream, id, dial) => {
    stream.write(shown);
    const { fields } = await nextHead(stream, "CONNECT");
    await known(id);
    await undisturbed(async () => {
      const socket = await dial();
      const { nonce } = (await nextHead(socket, "INFO")).fields;
      socket.write(headLine("CONNECT", connectAs(fields, prove(id, nonce))));
      const more: Uint8Array | null = stream.read();
      if (more !== null) socket.write(more);
      await once(socket, "readable", { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => {});
    });
  };
}

/** What the server says to those that connect: the same to all, but for the nonce and the number of the connection. */
export async function infoOf(dial: () => Promise<Socket>): Promise<Fields> {
  const socket = await dial();
  try {
    return (await nextHead(socket, "INFO")).fields;
  } finally {
    socket.destroy();
  }
}
