/** A DNS server on loopback that answers as a test says: RFC 1035, one question, A and AAAA. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv4 } from "node:net";
import { ipv6Bytes } from "../../net/ranges.js";

/** Addresses of one family, or what goes wrong. */
export type Reply = readonly string[] | "silent" | "no such name" | "server failure";

export interface Question {
  /** In lower case, without the trailing dot. */
  readonly name: string;
  readonly type: "A" | "AAAA";
}

const TYPES: Readonly<Record<number, Question["type"]>> = { 1: "A", 28: "AAAA" };
const RCODES = { "server failure": 2, "no such name": 3 } as const;
const HEADER_BYTES = 12;

export class FakeDns implements AsyncDisposable {
  /** Every question that came, "name A". */
  readonly asked: string[] = [];
  ttlSeconds = 30;
  readonly #socket: Socket;
  readonly #answer: (question: Question) => Reply | Promise<Reply>;

  private constructor(socket: Socket, answer: (question: Question) => Reply | Promise<Reply>) {
    this.#socket = socket;
    this.#answer = answer;
    socket.on("message", (message, from) => void this.#onMessage(message, from));
  }

  static async start(answer: (question: Question) => Reply | Promise<Reply>): Promise<FakeDns> {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new FakeDns(socket, answer);
  }

  /** As `NameResolverOptions.servers` takes it. */
  get servers(): readonly string[] {
    return [`127.0.0.1:${this.#socket.address().port}`];
  }

  /** How often the name was asked for, of whatever type. */
  count(name: string): number {
    return this.asked.filter((question) => question.startsWith(`${name} `)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
  }

  async #onMessage(message: Buffer, from: RemoteInfo): Promise<void> {
    const { name, end } = readName(message);
    const type = TYPES[message.readUInt16BE(end)];
    this.asked.push(`${name} ${type}`);
    const reply = type === undefined ? [] : await this.#answer({ name, type });
    if (reply !== "silent") this.#send(message, end + 4, reply, from);
  }

  #send(query: Buffer, questionEnd: number, reply: Exclude<Reply, "silent">, from: RemoteInfo): void {
    const records = typeof reply === "string" ? [] : reply.map((address) => this.#record(address));
    const header = Buffer.from(query.subarray(0, HEADER_BYTES));
    const rcode = typeof reply === "string" ? RCODES[reply] : 0;
    header.writeUInt16BE(0x8180 | rcode, 2); // A response, recursion available.
    header.writeUInt16BE(records.length, 6);
    header.writeUInt32BE(0, 8);
    const question = query.subarray(HEADER_BYTES, questionEnd);
    try {
      this.#socket.send(Buffer.concat([header, question, ...records]), from.port, from.address);
    } catch {
      // Closed while an answer was delayed.
    }
  }

  #record(address: string): Buffer {
    const data = Buffer.from(isIPv4(address) ? address.split(".").map(Number) : ipv6Bytes(address));
    const head = Buffer.alloc(12);
    head.writeUInt16BE(0xc00c, 0); // The name of the question.
    head.writeUInt16BE(isIPv4(address) ? 1 : 28, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(this.ttlSeconds, 6);
    head.writeUInt16BE(data.length, 10);
    return Buffer.concat([head, data]);
  }
}

function readName(message: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 1 };
}
