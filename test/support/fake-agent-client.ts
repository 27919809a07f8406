/** A Client without a network, for tests of the control socket: its members are a list, its streams are in memory. */
import { once } from "node:events";
import { Duplex } from "node:stream";
import type { AgentClient } from "../../cli/agent-client.js";
import type { Explanation } from "../../client/history/explanation.js";
import type { DoctorReport } from "../../client/reach/doctor.js";
import { Traffic } from "../../client/traffic/traffic.js";
import type { Change, Departed, Isolated, Member, RoundTrip } from "../../client/types.js";
import { FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";

export const idOf = (digits: string) => digits.padEnd(64, "0") as MemberId;

export function member(digits: string, more: Partial<Member> = {}): Member {
  const address = "127.0.0.1:8400";
  return {
    id: idOf(digits),
    name: undefined,
    address,
    addresses: [address],
    metadata: {},
    services: [],
    epoch: 2n ** 62n,
    suspected: false,
    reachable: true,
    since: 0,
    ...more,
  };
}

export class FakeAgentClient implements AgentClient {
  list: Member[] = [member("aa1"), member("aa2"), member("b", { name: "bob" })];
  gossip: Uint8Array | undefined;
  /** What sendToId does; echoes by default. */
  answer: AgentClient["sendToId"] = async (_, data) => data;
  /** What openStream has opened. */
  readonly streams: Duplex[] = [];
  /** Readers of changes at this moment. */
  readers = 0;
  readonly events = new EventTarget();

  isolated: Isolated | undefined;
  /** Unix milliseconds. */
  certificateEnds = 1;
  /** Who is gone, the latest first. */
  gone: Departed[] = [];

  readonly #stopping = new AbortController();

  get id() {
    return this.self.id;
  }

  get stopping() {
    return this.#stopping.signal;
  }

  explain(idOrName: string): Explanation {
    const found = this.member(idOrName);
    if (found === undefined) throw new FirefliesError("peer-unknown");
    return {
      ...{ member: found.id, name: found.name, isSelf: false, standing: "live", sentences: ["It is live."] },
      ...{
        epoch: "1",
        accusations: [],
        accuses: [],
        path: undefined,
        certificateEnds: 1,
        isolated: undefined,
        events: [],
      },
    };
  }

  async evidence(idOrName: string): Promise<string> {
    return `evidence about ${this.explain(idOrName).member}`;
  }

  member(idOrName: string) {
    return this.list.find(({ id, name }) => id === idOrName || name === idOrName);
  }

  handle() {}

  serve() {}

  /** What was published. */
  readonly published: { readonly topic: string; readonly text: string; readonly options: object }[] = [];

  async publish(topic: string, data: Uint8Array, options: object = {}) {
    this.published.push({ topic, text: new TextDecoder().decode(data), options });
    return { topic, sequence: this.published.length };
  }

  subscribe(): never {
    throw new FirefliesError("overloaded");
  }

  subscribers() {
    return [{ id: idOf("b"), name: "bob", pattern: "orders.*", queue: undefined }];
  }

  topics() {
    return [
      {
        topic: "orders.eu",
        subscribers: 1,
        logs: 1,
        published: this.published.length,
        settled: 0,
        backlog: 2,
        heldBytes: 9,
      },
    ];
  }

  get self() {
    return member("f", { name: "fay" });
  }

  members() {
    return this.list;
  }

  paths() {
    return this.list.map(({ id, name }, index) => ({
      ...{
        id,
        name,
        connections: Number(index === 0),
        whyNotBetter: index === 0 ? undefined : "Nobody answers there.",
      },
      ...(index === 0
        ? { path: "relayed" as const, via: [idOf("b")], address: `relay://${idOf("b")}`, rttMs: 12.345 }
        : { path: undefined, via: [], address: undefined, rttMs: undefined }),
    }));
  }

  connections() {
    return this.paths().map((path, index) => ({
      ...path,
      sessions: index === 0 ? [{ ...path, id: "s1", inUse: true, open: 2 }] : [],
      streams: index === 0 ? [{ protocol: "/x/http", openedHere: true, count: 3 }] : [],
    }));
  }

  departed() {
    return this.gone;
  }

  info() {
    return {
      id: idOf("f"),
      name: "fay",
      address: "127.0.0.1:1",
      advertised: ["127.0.0.1:1"],
      dialable: "unknown" as const,
      observed: [],
      nat: "unknown" as const,
      network: "00".repeat(32),
      rings: 13,
      tolerance: 6,
      deltaMs: 1_500,
      epoch: 2n ** 62n,
      disabledRings: [3],
      members: this.list.length,
      suspected: 0,
      links: 2,
      paths: { direct: 0, punched: 0, reversed: 0, relayed: 1, none: 2 },
      fingerprint: "00".repeat(16),
      certificateEnds: this.certificateEnds,
      clock: "steady" as const,
      isolated: this.isolated,
      discovery: [],
      punches: { tried: 0, succeeded: 0 },
      udx: undefined,
      traffic: new Traffic().totals(0),
      datagrams: {
        ...{ sentByUdp: 0, sentInSession: 0, received: 0, dropped: { full: 0, unreachable: 0 } },
        refused: { unhandled: 0, unknown: 0, forged: 0, replayed: 0, malformed: 0 },
      },
      rejected: {},
      relay: {
        ...{
          relays: true,
          mine: [],
          wanted: 0,
          troubles: [],
          reservations: 0,
          connections: 0,
          callers: 0,
          conduits: 0,
        },
        ...{ delayed: 0, passed: 0, bytes: 0, refused: 0 },
      },
      rdv: {
        ...{ serves: false as const, waiting: 0, pairs: 0, met: 0, relayed: 0, bytes: 0, refused: 0 },
        lastError: undefined,
      },
    };
  }

  traffic() {
    return new Traffic().info;
  }

  async renew(): Promise<void> {}

  report: DoctorReport = {
    ...{ version: "0.1.0", rings: { count: 9, members: 4, tolerates: 0 }, disk: undefined },
    ...{ id: idOf("f"), name: "fay", ok: true, dialable: "yes", nat: "none", clockMs: -12, certificateEnds: 1 },
    addresses: [
      {
        address: "203.0.113.7:8400",
        transport: "tcp",
        results: [{ id: idOf("b"), name: "bob", outcome: "reached", ms: 12 }],
      },
    ],
    observed: [{ address: "203.0.113.7", transport: "tcp", by: 1 }],
    udp: { out: true, in: undefined },
    relay: { relays: true, mine: 0, wanted: 0 },
    listens: ["tcp 8400"],
    members: [
      {
        ...{ id: idOf("b"), name: "bob", answered: true, path: "to 127.0.0.1:8400", linkMs: 1.2, udpMs: undefined },
        ...{ seesTcp: "203.0.113.7:9", seesUdp: undefined, clockMs: -12, version: "0.1.0" },
      },
    ],
    findings: [],
  };

  async doctor() {
    return this.report;
  }

  rings() {
    return [
      { ring: 1, predecessor: idOf("b"), successor: idOf("aa1") },
      { ring: 2, predecessor: undefined, successor: undefined },
    ];
  }

  sendToId(...args: Parameters<AgentClient["sendToId"]>): Promise<Uint8Array> {
    return this.answer(...args);
  }

  async openStream() {
    const stream = new Duplex({
      objectMode: true,
      read() {},
      write(chunk, _, done) {
        stream.push(chunk);
        done();
      },
      final(done) {
        stream.push(null);
        done();
      },
    });
    this.streams.push(stream);
    return stream;
  }

  identify() {
    return undefined;
  }

  /** What ping measures. */
  trip: RoundTrip = {
    udpMs: 0.4211,
    udpAddress: "127.0.0.1:8401",
    linkMs: 12.345,
    path: { direction: "dialled", address: "127.0.0.1:8400" },
    connectMs: undefined,
    error: undefined,
  };

  async ping() {
    return this.trip;
  }

  async join(address: string) {
    return member("b", { name: "bob", address });
  }

  setGossipContent(data: Uint8Array) {
    this.gossip = data;
  }

  history(): ReturnType<AgentClient["history"]> {
    return this.#noHistory();
  }

  async *#noHistory(): AsyncGenerator<never> {
    await new Promise(() => {});
  }

  async *changes({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<Change> {
    this.readers++;
    this.events.dispatchEvent(new Event("reader"));
    try {
      for (const each of this.list) yield { kind: "joined", member: each, at: 1 };
      const aborted = signal === undefined ? new Promise(() => {}) : once(signal, "abort");
      if (!signal?.aborted) await aborted;
    } finally {
      this.readers--;
      this.events.dispatchEvent(new Event("reader"));
    }
  }
}
