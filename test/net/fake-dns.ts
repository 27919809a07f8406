/** A DNS server on loopback that answers as a test says: RFC 1035, one question, A, AAAA and SRV (RFC 2782), over UDP and TCP. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, isIPv4, type Server, type Socket as TcpSocket } from "node:net";
import { ipv6Bytes } from "../../net/ranges.js";

export interface Srv {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** Addresses of one family, or members of a service, or what goes wrong; "garbage" is no DNS. */
export type Reply = readonly (string | Srv)[] | "silent" | "no such name" | "server failure" | "garbage";

export interface Question {
  /** In lower case, without the trailing dot. */
  readonly name: string;
  readonly type: "A" | "AAAA" | "SRV";
}

const TYPES: Readonly<Record<number, Question["type"]>> = { 1: "A", 28: "AAAA", 33: "SRV" };
const RCODES = { "server failure": 2, "no such name": 3 } as const;
const HEADER_BYTES = 12;

export class FakeDns implements AsyncDisposable {
  /** Every question that came, "name A". */
  readonly asked: string[] = [];
  ttlSeconds = 30;
  /** Bytes of an answer over UDP; what is larger is asked for again over TCP. */
  datagramBytes = 4_096;
  /** Questions that came over TCP. */
  overTcp = 0;
  readonly #tcp: Server;
  readonly #socket: Socket;
  readonly #answer: (question: Question) => Reply | Promise<Reply>;

  private constructor(socket: Socket, tcp: Server, answer: (question: Question) => Reply | Promise<Reply>) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#answer = answer;
    socket.on("message", (message, from) => void this.#onMessage(message, from));
    tcp.on("connection", (connection) => this.#onConnection(connection));
  }

  static async start(answer: (question: Question) => Reply | Promise<Reply>): Promise<FakeDns> {
    // Most ports of TCP are taken, by connections that others make: so that one is chosen first. The same one of UDP may be, too.
    for (;;) {
      const tcp = createServer().listen(0, "127.0.0.1");
      await once(tcp, "listening");
      const socket = createSocket("udp4");
      try {
        await once(socket.bind((tcp.address() as AddressInfo).port, "127.0.0.1"), "listening");
        return new FakeDns(socket, tcp, answer);
      } catch (error) {
        socket.close();
        tcp.close();
        if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      }
    }
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
    this.#tcp.close();
  }

  async #onMessage(message: Buffer, from: RemoteInfo): Promise<void> {
    const answer = await this.#answerTo(message);
    if (answer === undefined) return;
    try {
      this.#socket.send(
        answer.length > this.datagramBytes ? truncated(answer, message) : answer,
        from.port,
        from.address,
      );
    } catch {
      // Closed while an answer was delayed.
    }
  }

  /** RFC 1035, section 4.2.2: each message stands behind its length. */
  #onConnection(connection: TcpSocket): void {
    let bytes = Buffer.alloc(0);
    connection.on("error", () => {});
    connection.on("data", async (more: Buffer) => {
      bytes = Buffer.concat([bytes, more]);
      if (bytes.length < 2 || bytes.length < 2 + bytes.readUInt16BE(0)) return;
      this.overTcp += 1;
      const answer = await this.#answerTo(bytes.subarray(2));
      if (answer === undefined) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      connection.end(Buffer.concat([length, answer]));
    });
  }

  async #answerTo(message: Buffer): Promise<Buffer | undefined> {
    const { name, end } = readName(message);
    const type = TYPES[message.readUInt16BE(end)];
    this.asked.push(`${name} ${type}`);
    const reply = type === undefined ? [] : await this.#answer({ name, type });
    return reply === "silent" ? undefined : this.#answerOf(message, end + 4, reply);
  }

  #answerOf(query: Buffer, questionEnd: number, reply: Exclude<Reply, "silent">): Buffer {
    if (reply === "garbage") return Buffer.concat([query.subarray(0, 2), Buffer.from("this is no DNS at all")]);
    const records = typeof reply === "string" ? [] : reply.map((each) => this.#record(each));
    const header = Buffer.from(query.subarray(0, HEADER_BYTES));
    const rcode = typeof reply === "string" ? RCODES[reply] : 0;
    header.writeUInt16BE(0x8180 | rcode, 2); // A response, recursion available.
    header.writeUInt16BE(records.length, 6);
    header.writeUInt32BE(0, 8);
    const question = query.subarray(HEADER_BYTES, questionEnd);
    return Buffer.concat([header, question, ...records]);
  }

  #record(answer: string | Srv): Buffer {
    const [type, data] = typeof answer === "string" ? addressData(answer) : ([33, srvData(answer)] as const);
    const head = Buffer.alloc(12);
    head.writeUInt16BE(0xc00c, 0); // The name of the question.
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(this.ttlSeconds, 6);
    head.writeUInt16BE(data.length, 10);
    return Buffer.concat([head, data]);
  }
}

/** RFC 1035, section 4.1.1: TC, and nothing but the question. */
function truncated(answer: Buffer, query: Buffer): Buffer {
  const cut = Buffer.from(answer.subarray(0, readName(query).end + 4));
  cut.writeUInt16BE(0x8380, 2);
  cut.writeUInt16BE(0, 6);
  return cut;
}

function addressData(address: string): readonly [number, Buffer] {
  return isIPv4(address) ? [1, Buffer.from(address.split(".").map(Number))] : [28, Buffer.from(ipv6Bytes(address))];
}

function srvData({ priority, weight, port, target }: Srv): Buffer {
  const numbers = Buffer.alloc(6);
  [priority, weight, port].map((value, index) => numbers.writeUInt16BE(value, 2 * index));
  const labels = target.split(".").filter((label) => label !== "");
  return Buffer.concat([
    numbers,
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.alloc(1),
  ]);
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
