/** A bridge as values: names, headers and envelopes, batches that are checked, what waits and what stands by. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { FirefliesError, sha256, sign } from "../../../identity/index.js";
import type { MemberId } from "../../../rings/index.js";
import { parseAccess } from "../../../services/access.js";
import { Bridges } from "../../../services/nats/bridge/bridges.js";
import { Exporter, type Leaving } from "../../../services/nats/bridge/exporter.js";
import { type Arriving, Importer } from "../../../services/nats/bridge/importer.js";
import {
  claimIn,
  fromNats,
  headersOf,
  type Outgoing,
  pathIn,
  plainHeaders,
  wrapped,
} from "../../../services/nats/bridge/marks.js";
import { type Claimed, ProvenBatches } from "../../../services/nats/bridge/proven.js";
import { decodeRequest, encodeRequest } from "../../../services/nats/bridge/requests.js";
import { planBridge } from "../../../services/nats/bridge/settings.js";
import { OVERDUE_MS, Standby } from "../../../services/nats/bridge/standby.js";
import {
  serviceSubject,
  subjectOf,
  topicOf,
  topicPrefix,
  withoutNested,
} from "../../../services/nats/bridge/subjects.js";
import { flushed } from "../../../services/nats/connection/flush.js";
import { encodeBody, encodePayload, matches, topicProblem } from "../../../topics/index.js";
import { nameLog } from "../../../topics/records/log.js";
import { TestNetwork } from "../../support/test-network.js";

const NETWORK = "ab".repeat(32);
const token = fc.stringMatching(/^[A-Za-z0-9_$%ö-]{1,8}$/);
const topic = fc.array(token, { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join("."));

describe("names", () => {
  it("of topics become subjects and come back, and no two become one", () => {
    const prefix = topicPrefix(NETWORK);
    fc.assert(
      fc.property(topic, topic, (a, b) => {
        fc.pre(topicProblem(a) === undefined && topicProblem(b) === undefined);
        expect(topicOf(prefix, subjectOf(prefix, a))).toBe(a);
        expect(subjectOf(prefix, a) === subjectOf(prefix, b)).toBe(a === b);
      }),
    );
  });

  it.each([
    ["another network's", "ff.0000000000000000.a"],
    ["nothing behind the prefix", "ff.abababababababab."],
    ["an empty token", "ff.abababababababab.a..b"],
    ["a reserved one", "ff.abababababababab.$SYS.a"],
    ["a control character", "ff.abababababababab.a\u0001"],
    ["too long", `ff.abababababababab.${"x".repeat(256)}`],
  ])("that are no topics: %s", (_, subject) => expect(topicOf(topicPrefix(NETWORK), subject)).toBeUndefined());

  it("of services are one token of a subject", () => {
    expect(serviceSubject(NETWORK, "/shop/1.0 ü")).toBe("ff-service.abababababababab.%2Fshop%2F1%2E0%20%C3%BC");
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => serviceSubject(NETWORK, name).split(".").length === 3),
    );
  });

  it.each([
    [["a.>", "a.b", "a.*"], ["a.>"]],
    [
      ["a", "a", "b"],
      ["a", "b"],
    ],
    [["*", "a"], ["*"]],
    [
      ["a.*.c", "a.b.>"],
      ["a.*.c", "a.b.>"],
    ],
    [[">", "a.>"], [">"]],
  ])("patterns %j are read as %j", (all, kept) => expect(withoutNested(all)).toEqual(kept));

  it("patterns that are left out lose no topic", () => {
    const pattern = fc
      .array(fc.constantFrom("a", "b", "*"), { minLength: 1, maxLength: 3 })
      .map((tokens) => tokens.join("."));
    const any = fc.oneof(
      pattern,
      pattern.map((text) => `${text}.>`),
      fc.constant(">"),
    );
    const name = fc
      .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4 })
      .map((tokens) => tokens.join("."));
    fc.assert(
      fc.property(fc.array(any, { maxLength: 5 }), name, (all, topicName) => {
        const some = (list: readonly string[]) => list.some((each) => matches(each, topicName));
        expect(some(withoutNested(all))).toBe(some(all));
      }),
    );
  });
});

describe("headers", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
  const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));
  const outgoing: fc.Arbitrary<Outgoing> = fc
    .record({
      author: hex(64),
      log: hex(32),
      first: fc.integer({ min: 1, max: 1e9 }),
      more: fc.nat(1000),
      at: fc.nat(),
      path: fc.array(hex(16), { minLength: 1, maxLength: 4 }),
      batch: fc.option(fc.record({ body: bytes, signature: bytes, leaf: bytes, issuer: bytes }), { nil: undefined }),
    })
    .map(({ more, ...rest }) => ({ ...rest, sequence: rest.first + more }));

  it("are read as they were written, and are ids of one message each", () => {
    fc.assert(
      fc.property(outgoing, (sent) => {
        const headers = headersOf(sent);
        expect(claimIn(headers)).toEqual(sent);
        expect(headers["Nats-Msg-Id"]).toBe(`${sent.log}:${sent.sequence}`);
        const bad = { "X-Two": "a\r\nFf-Author: me", "X\r\nY": "1", "a b": "1", "": "1" };
        expect(plainHeaders({ ...headers, ...bad, "X-Mine": "1" })).toEqual({ "X-Mine": "1" });
      }),
    );
  });

  it("of strangers claim something, or nothing, and are never an exception", () => {
    const names = ["Ff-Path", "Ff-Author", "Ff-Sequence", "Ff-At", "Ff-Log", "Ff-First", "Ff-Batch", "Ff-Signature"];
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.string()), (headers) => {
        claimIn(headers);
        expect(pathIn(headers).length).toBeLessThanOrEqual(8);
      }),
    );
  });

  it("of an envelope are read with its data; other data are data", () => {
    const about = { subject: "ff.x.a", headers: { a: "b" }, path: ["nats"], author: undefined };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
        const found = fromNats(wrapped(about, data));
        expect([found.nats, new Uint8Array(found.data)]).toEqual([about, data]);
        expect(fromNats(data)).toEqual({ data, nats: undefined });
        for (let cut = 0; cut < 20; cut++) fromNats(wrapped(about, data).subarray(0, cut));
      }),
    );
  });
});

/** Messages of one batch, as a member's bridge sends them. */
async function batchOf(texts: readonly string[], topicName = "orders.eu") {
  const network = await TestNetwork.create();
  const author = await network.member();
  const { id, networkId, leaf, issuer, root } = { ...author.certificate, root: author.root };
  const log = nameLog({ publisher: id, life: 7n, topic: topicName }, sha256);
  const payload = encodePayload(texts.map((text) => Buffer.from(text)));
  const facts = { log, first: 5, count: texts.length, at: Date.now(), payloadBytes: payload.length, flags: 0 };
  const body = encodeBody({ ...facts, previous: sha256(Buffer.from("before")), digest: sha256(payload) });
  const signature = sign(author.privateKey, "topic-batch", networkId, body);
  const messages = texts.map((text, index): Claimed<number> => {
    const batch = index === 0 ? { body, signature, leaf, issuer } : undefined;
    const claim = { author: id, log: log.tag, first: 5, sequence: 5 + index, at: facts.at, path: ["x"], batch };
    return { claim, topic: topicName, data: Buffer.from(text), held: index };
  });
  return { messages, root, id };
}

const added = (batches: ProvenBatches<number>, messages: readonly Claimed<number>[]) =>
  messages.map((message) => batches.add(message)).at(-1)!;
/** The first judgement that is one. */
const judgedOf = (batches: ProvenBatches<number>, messages: readonly Claimed<number>[]) =>
  messages.map((message) => batches.add(message)).find(({ kind }) => kind !== "waits");

describe("batches that come with their author's signature", () => {
  it("are proven when they are whole, in whatever order and however often their messages come", async () => {
    const { messages, root, id } = await batchOf(["one", "two", "three"]);
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 1, 0, 0, 2],
    ];
    for (const order of orders) {
      const judged = added(
        new ProvenBatches<number>([root], Date.now),
        order.map((index) => messages[index]!),
      );
      expect(judged).toMatchObject({ kind: "proven", author: { id } });
      if (judged.kind === "proven") expect(judged.messages.map(({ held }) => held)).toEqual([0, 1, 2]);
    }
  });

  it("wait while one of their messages is missing", async () => {
    const { messages, root } = await batchOf(["one", "two"]);
    expect(added(new ProvenBatches<number>([root], Date.now), [messages[0]!]).kind).toBe("waits");
    expect(added(new ProvenBatches<number>([root], Date.now), [messages[1]!]).kind).toBe("waits");
  });

  it.each<[string, "false" | "doubted", (messages: readonly Claimed<number>[]) => readonly Claimed<number>[], string]>([
    ["another text", "doubted", ([a, b]) => [a!, { ...b!, data: Buffer.from("TWO") }], "other messages"],
    ["another topic", "doubted", ([a, b]) => [a!, { ...b!, topic: "orders.us" }], "headers"],
    [
      "another author",
      "doubted",
      ([a, b]) => [a!, { ...b!, claim: { ...b!.claim, author: "00".repeat(32) } }],
      "headers",
    ],
    [
      "a damaged batch",
      "false",
      ([a]) => [{ ...a!, claim: { ...a!.claim, batch: { ...a!.claim.batch!, body: Buffer.alloc(9) } } }],
      "damaged",
    ],
    [
      "another signature",
      "false",
      ([a, b]) => [{ ...a!, claim: { ...a!.claim, batch: { ...a!.claim.batch!, signature: new Uint8Array(64) } } }, b!],
      "signature",
    ],
  ])("with %s are %s", async (_, kind, change, why) => {
    const { messages, root } = await batchOf(["one", "two"]);
    const judged = judgedOf(new ProvenBatches<number>([root], Date.now), change(messages));
    expect(judged).toMatchObject({ kind, why: expect.stringContaining(why) });
  });

  it.each([
    ["behind the true one", (forged: Claimed<number>, [a, b]: readonly Claimed<number>[]) => [a!, forged, b!]],
    [
      "whose mark is damaged, before it",
      (forged: Claimed<number>, [a, b]: readonly Claimed<number>[]) => [
        { ...forged, claim: { ...forged.claim, batch: { ...a!.claim.batch!, body: Buffer.alloc(9) } } },
        a!,
        b!,
      ],
    ],
  ])("are proven beside a message that claims one of their numbers, %s", async (_, order) => {
    const { messages, root, id } = await batchOf(["one", "two"]);
    const claim = { ...messages[0]!.claim, batch: undefined };
    const forged = { ...messages[0]!, claim, data: Buffer.from("ONE"), held: 9 };
    const judged = added(new ProvenBatches<number>([root], Date.now), order(forged, messages));
    expect(judged).toMatchObject({ kind: "proven", author: { id }, messages: [{ held: 0 }, { held: 1 }] });
  });

  it("come again, all of them, when one that claims a number came before it", async () => {
    const { messages, root } = await batchOf(["one", "two"]);
    const claim = { ...messages[0]!.claim, batch: undefined };
    const forged = { ...messages[0]!, claim, data: Buffer.from("ONE"), held: 9 };
    const batches = new ProvenBatches<number>([root], Date.now);
    expect(batches.add(forged).kind).toBe("waits");
    // It brings the mark along, which is no reason to take it: nothing tells yet which one is true.
    expect(batches.add(messages[0]!)).toMatchObject({ kind: "doubted", messages: [{ held: 0 }] });
  });

  it("are known afterwards: one that comes again alone is proven, and another in its place is not", async () => {
    const { messages, root } = await batchOf(["one", "two"]);
    const batches = new ProvenBatches<number>([root], Date.now);
    added(batches, messages);
    expect(batches.add(messages[1]!)).toMatchObject({ kind: "proven", messages: [{ held: 1 }] });
    expect(batches.add({ ...messages[1]!, data: Buffer.from("TWO") })).toMatchObject({ kind: "false" });
  });

  it("are false under a root that is not trusted", async () => {
    const { messages } = await batchOf(["one"]);
    const { root } = await batchOf(["two"]);
    expect(added(new ProvenBatches<number>([root], Date.now), messages)).toMatchObject({ kind: "false" });
  });
});

describe("messages on their way to NATS", () => {
  const leaving = (id: string, held: () => void = () => {}): Leaving => ({
    ...{ id, topic: "t", subject: "s", headers: {}, data: new Uint8Array(1), held },
  });

  /** An exporter whose sends the test answers. */
  function scene() {
    const sent: { id: string; answer: (error?: Error) => void }[] = [];
    const timers: (() => void)[] = [];
    const troubles: string[] = [];
    const exporter = new Exporter({
      send: ({ id }) =>
        new Promise((done, reject) => {
          sent.push({ id, answer: (error) => (error === undefined ? done() : reject(error)) });
        }),
      onSent: () => {},
      onTrouble: ({ code }) => troubles.push(code),
      later: (run) => {
        timers.push(run);
        return () => {};
      },
      random: () => 0,
    });
    return { exporter, sent, timers, troubles };
  }
  const settle = () => new Promise<void>((done) => setImmediate(done));

  it("wait while NATS is away, and leave in order when it is there", async () => {
    const { exporter, sent } = scene();
    for (const id of ["a", "b", "c"]) exporter.add(leaving(id));
    expect(sent).toEqual([]);
    exporter.begin();
    expect(sent.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(exporter.size).toBe(3);
  });

  it("count as delivered when NATS holds them, and not before", async () => {
    const { exporter, sent } = scene();
    const held: string[] = [];
    exporter.begin();
    exporter.add(leaving("a", () => held.push("a")));
    await settle();
    expect(held).toEqual([]);
    sent[0]!.answer();
    await settle();
    expect([held, exporter.size]).toEqual([["a"], 0]);
  });

  it("are sent again, with all behind them and in order, when one fails", async () => {
    const { exporter, sent, timers, troubles } = scene();
    exporter.begin();
    for (const id of ["a", "b", "c"]) exporter.add(leaving(id));
    sent[0]!.answer();
    await settle();
    sent[1]!.answer(new FirefliesError("nats-forbidden"));
    await settle();
    exporter.add(leaving("d"));
    expect([sent.length, troubles]).toEqual([3, ["nats-forbidden"]]);
    timers[0]!();
    expect(sent.slice(3).map(({ id }) => id)).toEqual(["b", "c", "d"]);
    // An answer to the first try that comes late counts as one.
    sent[2]!.answer();
    await settle();
    expect(exporter.size).toBe(2);
  });

  it("of one turn, of which NATS says at once that it holds them, are held, or sent again, together", async () => {
    let [answer, fail] = [() => {}, (_: Error) => {}];
    const together = () =>
      new Promise<void>((done, reject) => {
        [answer, fail] = [done, reject];
      });
    let sent = together();
    const ids: string[] = [];
    const timers: (() => void)[] = [];
    const exporter = new Exporter({
      send: ({ id }) => {
        ids.push(id);
        return sent;
      },
      ...{ onSent: () => {}, onTrouble: () => {}, random: () => 0 },
      later: (run) => {
        timers.push(run);
        return () => {};
      },
    });
    const held: string[] = [];
    exporter.begin();
    for (const id of ["a", "b"]) exporter.add(leaving(id, () => held.push(id)));
    fail(new FirefliesError("nats-unreachable"));
    await settle();
    sent = together();
    timers[0]!();
    exporter.add(leaving("c", () => held.push("c")));
    await settle();
    expect([ids, held]).toEqual([["a", "b", "a", "b", "c"], []]);
    answer();
    await settle();
    expect([held, exporter.size]).toEqual([["a", "b", "c"], 0]);
  });

  it("are one when they are handed out twice", async () => {
    const { exporter, sent } = scene();
    const held: number[] = [];
    exporter.begin();
    exporter.add(leaving("a", () => held.push(1)));
    exporter.add(leaving("a", () => held.push(2)));
    sent[0]!.answer();
    await settle();
    expect([sent.length, held]).toEqual([1, [1, 2]]);
  });

  it("stand by until they are seen in NATS as they are, and go on with who takes over", () => {
    let now = 0;
    const standby = new Standby(() => now);
    const held: string[] = [];
    const kept = (id: string, topic = id) => {
      const made = { ...leaving(id, () => held.push(id)), topic };
      return { ...made, headers: { ...made.headers, "Nats-Msg-Id": `${id}:1`, "Ff-Author": "ann" }, id: `${id}:1` };
    };
    for (const id of ["a", "b", "c", "d"]) standby.keep(kept(id));
    const { subject, headers } = kept("a");
    for (const lie of [
      { data: Buffer.from("other") },
      { headers: { ...headers, "Ff-Author": "bob" } },
      { subject: "x" },
    ])
      standby.saw({ subject, headers, data: kept("a").data, ...lie });
    expect([held, standby.size]).toEqual([[], 4]);
    standby.saw(kept("a"));
    expect([held, standby.size]).toEqual([["a"], 3]);
    // Under an id of its own, since another message has taken the true one.
    standby.saw({ ...kept("b"), headers: { ...kept("b").headers, "Nats-Msg-Id": "b:1:own" } });
    expect(held).toEqual(["a", "b"]);
    standby.saw(kept("early"));
    standby.keep(kept("early"));
    expect(held).toEqual(["a", "b", "early"]);
    expect(standby.take((name) => name === "c").map(({ id }) => id)).toEqual(["c:1"]);
    now += OVERDUE_MS - 1;
    standby.restart();
    now += OVERDUE_MS - 1;
    expect(standby.overdue()).toEqual([]);
    now += 1;
    expect(standby.overdue().map(({ id }) => id)).toEqual(["d:1"]);
    expect(standby.size).toBe(0);
  });
});

describe("who bridges", () => {
  const idOf = (digit: string) => digit.repeat(64) as MemberId;
  const member = (digit: string, name: string) =>
    ({ id: idOf(digit), name, metadata: {}, services: ["/nats/bridge/nats"] }) as never;
  const topics = Array.from({ length: 50 }, (_, nth) => `t${nth}`);

  it("is who a rule names: others are refused, and a topic has one bridge for all that agree", () => {
    const all = [member("a", "bridge-1"), member("b", "bridge-2"), member("c", "liar")];
    const refused = new Set<string>();
    const bridges = [idOf("a"), idOf("b")].map((me) => {
      const offering = () => all.filter(({ id }) => id !== me);
      return new Bridges({
        me,
        rules: parseAccess(["bridge-*"]),
        offering,
        onRefused: ({ id }) => void refused.add(id),
      });
    });
    for (const topic of topics) expect(bridges.filter((each) => each.isMine(topic))).toHaveLength(1);
    expect([...refused]).toEqual([idOf("c")]);
  });

  it("without rules is this one alone", () => {
    const offering = () => [member("a", "bridge-1")];
    const bridges = new Bridges({ me: idOf("b"), rules: [], offering, onRefused: () => {} });
    expect(topics.every((topic) => bridges.isMine(topic))).toBe(true);
  });
});

describe("messages on their way in", () => {
  function scene(publish: () => Promise<void> = async () => {}) {
    const [outcomes, published, troubles]: [string[], string[], string[]] = [[], [], []];
    const importer = new Importer({
      ...{ prefix: "ff.x.", network: "x", system: "nats", roots: [], now: Date.now },
      publish: async (name, data) => {
        await publish();
        published.push(`${name}: ${fromNats(data).nats?.path} ${Buffer.from(fromNats(data).data)}`);
      },
      troubles: { tell: ({ code }) => troubles.push(code), count: (_, make) => troubles.push(make(1).code) },
    });
    const take = async (subject: string, headers = {}, data = Buffer.from("data")) => {
      const arriving: Arriving = {
        ...{ subject, headers, data, deliveries: 1 },
        done: () => outcomes.push("done"),
        again: () => outcomes.push("again") > 0,
        refuse: () => outcomes.push("refuse"),
        overflow: () => outcomes.push("overflow") > 0,
      };
      importer.take(arriving);
      await new Promise((done) => setImmediate(done));
    };
    return { importer, take, outcomes, published, troubles };
  }

  it("are signed by the bridge, and marked with the way that they came", async () => {
    const { take, outcomes, published } = scene();
    await take("ff.x.a", {});
    await take("ff.x.a", { "Ff-Path": "y,other" });
    expect([outcomes, published]).toEqual([
      ["done", "done"],
      ["a: nats data", "a: y,other,nats data"],
    ]);
  });

  it("do not come back to where they have been", async () => {
    const { take, outcomes, published, importer } = scene();
    await take("ff.x.a", { "Ff-Path": "x" });
    await take("ff.x.a", { "Ff-Path": "y,x,z" });
    await take("ff.x.a", { "Ff-Path": "a,b,c,d,e,f,g,h" });
    expect([outcomes, published, importer.figures().loops]).toEqual([["done", "done", "done"], [], 3]);
  });

  it("are too many when the overlay takes none", async () => {
    const { take, outcomes, troubles } = scene(() => new Promise(() => {}));
    for (let count = 0; count < 65; count++) await take("ff.x.a", {}, Buffer.alloc(2 ** 20));
    expect([outcomes, troubles]).toEqual([["overflow"], ["overloaded"]]);
  });

  it("come again when the overlay does not take them, and never when it never will", async () => {
    for (const [code, outcome] of [
      ["unacknowledged", "again"],
      ["overloaded", "again"],
      ["message-too-large", "refuse"],
    ] as const) {
      const { take, outcomes, troubles } = scene(() => Promise.reject(new FirefliesError(code)));
      await take("ff.x.a");
      expect([outcomes, troubles]).toEqual([[outcome], [code]]);
    }
    const { take, outcomes, troubles } = scene();
    await take("ff.x.a..b");
    expect([outcomes, troubles]).toEqual([["refuse"], ["topic-invalid"]]);
  });
});

describe("requests and settings", () => {
  it("requests are read as they were written, and what is none is nothing", () => {
    const head = { subject: "a.b", timeoutMs: 5 };
    expect(decodeRequest(encodeRequest(head, Buffer.from("x")))).toMatchObject(head);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (data) => void decodeRequest(data)));
  });

  it.each([
    ["a prefix without its dot", { prefix: "ff" }, "name-invalid"],
    ["a pattern that is none", { toNats: ["a..b"] }, "topic-invalid"],
    ["a topic with a blank", { fromNats: ["a b"] }, "topic-invalid"],
    ["a name of a stream with a dot", { jetStream: { name: "a.b" } }, "name-invalid"],
    ["a name of a system with a comma", { system: "a,b" }, "name-invalid"],
    ["a file of roots that is not there", { rootFiles: ["/nowhere/root.pem"] }, "config-unreadable"],
  ])("%s is refused", (_, options, code) => {
    const plan = () => planBridge({ servers: "x", ...options }, NETWORK);
    expect(plan).toThrow(expect.objectContaining({ code }));
  });
});

describe("a round trip to NATS", () => {
  it("ends with a code when the client never hears", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
    const silent = flushed({ flush: () => new Promise(() => {}) });
    const failed = expect(silent).rejects.toMatchObject({ code: "nats-unreachable" });
    await vi.advanceTimersByTimeAsync(5_000);
    await failed;
    vi.useRealTimers();
    await flushed({ flush: async () => {} });
  });
});
