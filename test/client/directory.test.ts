/** The view in the program's words: names, filters, whom a name means, and who is gone. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEPARTED_MAX, Directory, hasAddress, type ToldOfMember } from "../../client/view/directory.js";
import { matcherOf } from "../../client/view/member-filter.js";
import { type CertificateFacts, type Peer, TRANSPORT_GRPC, TRANSPORT_PING } from "../../gossip/index.js";
import { type MemberCertificate, titleOf } from "../../identity/index.js";
import { type MemberId, matchesPattern } from "../../rings/index.js";
import { member } from "../support/fake-agent-client.js";
import { text } from "../support/network.js";

const idOf = (number: number) => number.toString(16).padStart(64, "0") as MemberId;
const [ME, A, B] = [idOf(1), idOf(0xa), idOf(0xb)];

function peer(id: MemberId, metadata: Uint8Array = text(""), ...addresses: readonly string[]): Peer {
  const listed = [
    { transport: TRANSPORT_PING, text: "203.0.113.9:1" },
    ...addresses.map((each) => ({ transport: TRANSPORT_GRPC, text: each })),
  ];
  return { id, epoch: 5n, suspected: true, metadata, extensions: [], addresses: listed };
}

/** A directory over a view that the test holds. */
function scene() {
  const live = new Map<MemberId, Peer>();
  const names = new Map<MemberId, string>();
  const begins = new Map<MemberId, number>();
  const clock = { now: 1_000 };
  const directory = new Directory({
    member: () => ({
      machine: {
        members: () => [...live.values()],
        member: (id) => live.get(id),
        certificateOf: (id) => ({ notBefore: begins.get(id) ?? 0 }) as CertificateFacts,
        epoch: 7n,
      },
      identity: { certificate: { id: ME, name: "me", notBefore: 50 } as MemberCertificate },
      addresses: ["203.0.113.1:1"],
      isReachable: () => true,
      nameOf: (id) => names.get(id),
    }),
    metadata: () => ({ role: "test" }),
    services: () => [],
    chance: () => new Uint8Array(1),
    now: () => clock.now,
  });
  const tell = (kind: "joined" | "left" | "failed", each: Peer) => {
    if (kind === "joined") live.set(each.id, each);
    else live.delete(each.id);
    const told = kind === "failed" ? { kind, member: each, reason: "removed" as const } : { kind, member: each };
    return directory.change(told as ToldOfMember);
  };
  return { live, names, begins, clock, directory, tell };
}

describe("a member", () => {
  it("is described with its name, its addresses for messages, and since when it is there", () => {
    const { directory, names, tell, clock } = scene();
    names.set(A, "alice");
    clock.now = 1234;
    tell("joined", peer(A, text('{"role":"worker"}'), "203.0.113.1:7", "[2001:db8::1]:7"));
    const described = {
      id: A,
      name: "alice",
      address: "203.0.113.1:7",
      addresses: ["203.0.113.1:7", "[2001:db8::1]:7"],
      metadata: { role: "worker" },
      services: [],
      epoch: 5n,
      suspected: true,
      reachable: true,
      since: 1234,
    };
    expect(directory.list()).toEqual([described]);
    expect(directory.sender(A)).toEqual({ id: A, name: "alice", address: "203.0.113.1:7" });
  });

  it("that is not in the view is named by its certificate", () => {
    const { directory, names } = scene();
    names.set(B, "bob");
    expect(directory.sender(B)).toEqual({ id: B, name: "bob", address: "" });
  });

  it("is myself as the others see me", () => {
    const { directory, clock } = scene();
    clock.now = 99;
    directory.entered();
    clock.now = 100;
    directory.entered(); // Again, after nobody was there.
    expect(directory.self()).toMatchObject({ id: ME, name: "me", address: "203.0.113.1:1", since: 99, epoch: 7n });
    expect(directory.self().metadata).toEqual({ role: "test" });
  });

  it.each(["", "nonsense", "[1,2]", "null", "3", '"text"', '{"a":', "\u0000"])("with metadata %j has none", (raw) => {
    const { directory, tell } = scene();
    tell("joined", peer(A, text(raw), "203.0.113.1:7"));
    expect(directory.list()[0]!.metadata).toEqual({});
  });

  it("whose metadata are no UTF-8 or name __proto__ harms nobody", () => {
    const { directory, tell } = scene();
    tell("joined", peer(A, Uint8Array.of(0xff, 0xfe)));
    tell("joined", peer(B, text('{"__proto__":{"polluted":true}}')));
    const [first, second] = directory.list().map(({ metadata }) => metadata);
    expect(first).toEqual({});
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(Object.keys(second!)).toEqual(["__proto__"]);
  });

  it("has the addresses of its note, and none of a ping", () => {
    const described = peer(A, text(""), "203.0.113.1:7");
    expect(hasAddress(described, "203.0.113.1:7")).toBe(true);
    expect(hasAddress(described, "203.0.113.1:8")).toBe(false);
    expect(hasAddress(described, "203.0.113.9:1")).toBe(false);
  });

  it("is written in a sentence with its name, if it has one", () => {
    expect(titleOf({ id: A, name: "alice" })).toBe(`alice (${A})`);
    expect(titleOf({ id: A, name: undefined })).toBe(A);
  });
});

describe("a name", () => {
  it("or an id, in any case, means its live member, and me", () => {
    const { directory, names, tell } = scene();
    names.set(A, "alice");
    tell("joined", peer(A));
    for (const word of ["alice", A, A.toUpperCase()]) expect(directory.find(word)?.id).toBe(A);
    for (const word of ["me", ME]) expect(directory.find(word)?.id).toBe(ME);
    for (const word of ["", "Alice", "alic", "*", A.slice(0, 12)]) expect(directory.find(word)).toBeUndefined();
    tell("left", peer(A));
    expect(directory.find("alice")).toBeUndefined();
  });

  it("that two have means the one with the newer certificate: it was admitted anew", () => {
    const { directory, names, begins, tell } = scene();
    for (const [id, begin] of [
      [A, 2_000],
      [B, 3_000],
    ] as const) {
      names.set(id, "alice");
      begins.set(id, begin);
      tell("joined", peer(id));
    }
    expect(directory.find("alice")?.id).toBe(B);
    begins.set(A, 4_000);
    expect(directory.find("alice")?.id).toBe(A);
    expect(directory.list({ name: "alice" })).toHaveLength(2);
  });

  it("never stands for an id: who is called like one is not meant by it", () => {
    const { directory, names, tell } = scene();
    names.set(B, A); // 64 hex digits are a principal's name.
    tell("joined", peer(A));
    tell("joined", peer(B));
    expect(directory.find(A)?.id).toBe(A);
  });
});

describe("who is gone", () => {
  it("is remembered with reason and time until it is back, the latest first", () => {
    const { directory, names, tell, clock } = scene();
    names.set(A, "alice");
    tell("joined", peer(A));
    tell("joined", peer(B));
    clock.now = 2_000;
    expect(tell("failed", peer(A))).toMatchObject({ kind: "failed", reason: "removed", at: 2_000 });
    clock.now = 3_000;
    tell("left", peer(B));
    expect(
      directory.departed().map(({ member: { id, name, since }, reason, at }) => [id, name, since, reason, at]),
    ).toEqual([
      [B, undefined, 1_000, "left", 3_000],
      [A, "alice", 1_000, "removed", 2_000],
    ]);
    tell("joined", peer(B));
    expect(directory.departed().map(({ member: { id } }) => id)).toEqual([A]);
  });

  it("takes a place once, and the oldest make room", () => {
    const { directory, tell } = scene();
    for (let number = 1; number <= DEPARTED_MAX + 10; number++) tell("failed", peer(idOf(1_000 + number)));
    for (let again = 0; again < 100; again++) tell("failed", peer(idOf(1_000 + 50)));
    const departed = directory.departed();
    expect(departed).toHaveLength(DEPARTED_MAX);
    expect(departed[0]!.member.id).toBe(idOf(1_050));
    expect(departed.at(-1)!.member.id).toBe(idOf(1_011));
  });
});

describe("a filter", () => {
  it.each([
    ["web-1", "web-1", true],
    ["web-1", "web-*", true],
    ["web-1", "*-1", true],
    ["web-1", "w*b*1", true],
    ["web-1", "web-?", true],
    ["web-1", "web-??", false],
    ["web-1", "web", false],
    ["web-1", "WEB-*", false],
    ["web-1", "", false],
    ["", "", true],
    ["", "*", true],
    ["", "?", false],
    ["a.c", "a.c", true],
    ["abc", "a.c", false],
    ["[x]", "[x]", true],
  ])("%j fits %j: %s", (name, pattern, fits) => {
    expect(matchesPattern(name, pattern)).toBe(fits);
  });

  it("agrees with a regular expression", () => {
    const letters = fc.array(fc.constantFrom("a", "b"), { maxLength: 8 }).map((all) => all.join(""));
    const patterns = fc.array(fc.constantFrom("a", "b", "*", "?"), { maxLength: 6 }).map((all) => all.join(""));
    fc.assert(
      fc.property(letters, patterns, (word, pattern) => {
        const expression = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
        expect(matchesPattern(word, pattern)).toBe(expression.test(word));
      }),
    );
  });

  it("compares metadata as JSON values, all that are asked for", () => {
    const worker = member("a", { metadata: { role: "worker", rack: 7, tags: ["x"] } });
    const fits = (metadata: Record<string, unknown>) => matcherOf({ metadata }).isWanted(worker);
    expect(fits({ role: "worker", rack: 7 })).toBe(true);
    expect(fits({ tags: ["x"] })).toBe(true);
    expect(fits({ rack: "7" })).toBe(false);
    expect(fits({ toString: Object.prototype.toString })).toBe(false);
    expect(fits({ absent: undefined })).toBe(false);
    expect(matcherOf({ name: "*" }).isNamed(undefined)).toBe(true);
    expect(matcherOf({ name: "?*" }).isNamed(undefined)).toBe(false);
    expect(() => matcherOf({ name: 7 as never })).toThrow(TypeError);
    expect(() => matcherOf({ metadata: null as never })).toThrow(TypeError);
  });
});
