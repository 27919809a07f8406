/**
 * Where connections of this machine come in and go to a member's nats-server: of programs, and of the own server, whose routes
 * lead through such doors. With a secret it is open to those that say it in CONNECT; it goes no further.
 */
import { timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../../identity/index.js";
import { onAbort } from "../../../net/index.js";
import { asError } from "../../forward/carrying/conduit.js";
import { Door } from "../../forward/carrying/door.js";
import { CONNECTIONS, IDLE_MS, OPEN_MS } from "../../forward/carrying/limits.js";
import type { TrafficFigures } from "../../forward/carrying/traffic.js";
import type { MemberClient } from "../../member-client.js";
import type { ServiceAddress } from "../../service-address.js";
import { connectWithoutProof, type Fields, headLine } from "./greeting.js";
import { type FoundHead, nextHead } from "./next-head.js";

export interface NatsDoorOptions {
  readonly listen: ServiceAddress;
  readonly protocol: string;
  /** The members to try, in this order. */
  readonly members: () => readonly string[];
  /** In CONNECT's "pass" or "auth_token". */
  readonly secret?: string | undefined;
}

/** A free port of this machine alone. */
export const LOOPBACK: ServiceAddress = { kind: "tcp", host: "127.0.0.1", port: 0 };

export class NatsDoor {
  readonly #client: MemberClient;
  readonly #options: NatsDoorOptions;
  readonly #door: Door;

  private constructor(client: MemberClient, options: NatsDoorOptions) {
    this.#client = client;
    this.#options = options;
    const plan = { listen: options.listen, connections: CONNECTIONS, idleMs: IDLE_MS };
    this.#door = new Door(client, plan, (socket) => this.#usher(socket));
  }

  /** Rejects with "address-in-use" and "address-invalid". */
  static async open(client: MemberClient, options: NatsDoorOptions): Promise<NatsDoor> {
    const made = new NatsDoor(client, options);
    await made.#door.bind();
    return made;
  }

  /** "host:port". */
  get address(): string {
    return this.#door.address;
  }

  get port(): number {
    return Number(this.address.slice(this.address.lastIndexOf(":") + 1));
  }

  figures(): TrafficFigures {
    return this.#door.figures();
  }

  close(): Promise<void> {
    return this.#door.close();
  }

  async #usher(socket: Socket): Promise<void> {
    const { secret } = this.#options;
    const { stream, info } = await this.#reach();
    try {
      socket.write(Buffer.concat([info.before, headLine("INFO", info.fields)]));
      const connect = await nextHead(socket, "CONNECT");
      if (secret !== undefined && !isSaid(secret, connect.fields)) {
        socket.end("-ERR 'Authorization Violation'\r\n");
        throw new FirefliesError(
          "peer-refused",
          "A program of this machine did not say the secret of a NATS connection.",
        );
      }
      stream.write(Buffer.concat([connect.before, headLine("CONNECT", connectWithoutProof(connect.fields))]));
    } catch (error) {
      stream.destroy();
      throw error;
    }
    this.#door.carry(socket, stream);
    stream.resume(); // It was paused behind its first line.
  }

  /** The first member whose server says INFO. */
  async #reach(): Promise<{ readonly stream: Duplex; readonly info: FoundHead }> {
    let problem = new FirefliesError("service-absent", "No live member runs a nats-server of this cluster.");
    for (const id of this.#options.members()) {
      let stream: Duplex | undefined;
      try {
        stream = await this.#open(id);
        return { stream, info: await nextHead(stream, "INFO") };
      } catch (cause) {
        problem = asError(cause);
        stream?.destroy();
      }
    }
    throw problem;
  }

  /** The deadline counts until the stream is open. */
  async #open(id: string): Promise<Duplex> {
    const opening = new AbortController();
    const timer = setTimeout(() => opening.abort(), OPEN_MS);
    const unwatch = onAbort(this.#door.closing, () => opening.abort());
    try {
      return await this.#client.openStream(id, { protocol: this.#options.protocol, signal: opening.signal });
    } finally {
      clearTimeout(timer);
      unwatch();
    }
  }
}

function isSaid(secret: string, { pass, auth_token: token }: Fields): boolean {
  const said = Buffer.from(typeof pass === "string" ? pass : typeof token === "string" ? token : "");
  const wanted = Buffer.from(secret);
  return said.length === wanted.length && timingSafeEqual(said, wanted);
}
