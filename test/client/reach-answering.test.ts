/** What a member tells others about the way to them, and what it does not let itself be used for. */
import { describe, expect, it } from "vitest";
import { Answering, isTheirs } from "../../client/reach/answering.js";
import {
  DIAL_BACK_ADDRESSES_MAX,
  decodeDialBack,
  decodeDialledBack,
  decodeSeen,
  encodeDialBack,
  encodeSeen,
  OBSERVE_BYTES_MAX,
} from "../../client/reach/codec.js";
import { VERSION } from "../../client/version.js";
import type { MemberCertificate } from "../../identity/index.js";
import { DialError, type Path } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";

const ID = "a".repeat(64) as MemberId;
const peer = { id: ID } as MemberCertificate;
const address = { scheme: "tcp", host: "203.0.113.7", port: 40_000 };
const came: Path = { kind: "reversed", direction: "accepted", address };
const signal = new AbortController().signal;

/** Each dial ends as `outcomes` says for its address; "reached" for others. */
function scene(named: readonly string[], outcomes: Record<string, unknown> = {}) {
  const dialled: string[] = [];
  const clock = { now: 0 };
  const answering = new Answering({
    addressesOf: () => named,
    greet: async (to) => {
      dialled.push(to);
      if (outcomes[to] !== undefined) throw outcomes[to];
    },
    ping: async (_, to) => {
      dialled.push(to);
      return outcomes[to] === undefined;
    },
    now: () => clock.now,
    wall: () => 1_800_000_000_000,
  });
  const ask = async (addresses: readonly string[], path = came) => {
    const answer = await answering.dialBack(peer, encodeDialBack(addresses), signal, path);
    return decodeDialledBack(answer, addresses.length)?.map(({ outcome }) => outcome);
  };
  return { answering, ask, dialled, clock };
}

describe("from where the caller comes", () => {
  it.each<[what: string, path: Path, way: string, address: string | undefined]>([
    ["it made the session", came, "came", "203.0.113.7:40000"],
    ["I dialled it", { kind: "direct", direction: "dialled", address }, "dialled", "203.0.113.7:40000"],
    [
      "as IPv4 within IPv6",
      { ...came, address: { ...address, host: "::ffff:203.0.113.7" } },
      "came",
      "203.0.113.7:40000",
    ],
    ["through a relay", { kind: "relayed", direction: "accepted", address }, "other", undefined],
    ["punched", { kind: "punched", direction: "accepted", address }, "other", undefined],
  ])("%s", (_, path, way, told) => {
    const { answering } = scene([]);
    expect(decodeSeen(answering.observe(peer, path))).toEqual({
      time: 1_800_000_000_000,
      way,
      address: told,
      udp: undefined,
      version: VERSION,
    });
  });

  it("and its datagrams, the newest", () => {
    const { answering } = scene([]);
    answering.heard(ID, { host: "203.0.113.7", port: 1 });
    answering.heard(ID, { host: "::ffff:203.0.113.7", port: 2 });
    expect(decodeSeen(answering.observe(peer, came))?.udp).toBe("203.0.113.7:2");
  });
});

describe("dials back", () => {
  it("what its note names, for sessions and for pings, and says how it went", async () => {
    const failures = {
      "198.51.100.1:1": new DialError("refused", "198.51.100.1:1"),
      "198.51.100.2:1": new DialError("handshake", "198.51.100.2:1"),
      "198.51.100.3:1": new DialError("forbidden", "198.51.100.3:1"),
      "ws://198.51.100.4:1/fireflies": new DialError("local", "ws", { detail: "no transport for ws" }),
      "198.51.100.5:2": "silent",
    };
    const named = [
      "198.51.100.9:1",
      ...Object.keys(failures).slice(0, 4),
      "udp://198.51.100.5:2",
      "udp://198.51.100.6:2",
    ];
    const { ask } = scene(named, failures);
    expect(await ask(named)).toEqual([
      "reached",
      "refused",
      "somebody-else",
      "forbidden",
      "no-transport",
      "timeout",
      "reached",
    ]);
  });

  it("nobody else, whatever is asked", async () => {
    const { ask, dialled } = scene(["198.51.100.9:1"]);
    expect(await ask(["192.0.2.1:1", "198.51.100.9:2", "udp://198.51.100.9:1", "203.0.113.7:22"])).toEqual(
      Array(4).fill("not-yours"),
    );
    expect(dialled).toEqual([]);
  });

  it.each<[what: string, asked: string, path: Path, is: boolean]>([
    ["the host that it comes from, with a port of its note", "203.0.113.7:8400", came, true],
    ["with another port", "203.0.113.7:22", came, false],
    ["by another transport", "ws://203.0.113.7:8400/fireflies", came, false],
    ["another host", "203.0.113.8:8400", came, false],
    ["the host that I dialled", "203.0.113.7:8400", { ...came, kind: "direct", direction: "dialled" }, false],
    ["the host of a relay", "203.0.113.7:8400", { ...came, kind: "relayed" }, false],
    ["the host of a punched connection", "203.0.113.7:8400", { ...came, kind: "punched" }, false],
  ])("%s: %s", (_, asked, path, is) => {
    expect(isTheirs(asked, ["10.0.0.2:8400"], path)).toBe(is);
  });

  it("so much for one member, and again after a while", async () => {
    const { ask, clock } = scene(["198.51.100.9:1"]);
    const many = Array(DIAL_BACK_ADDRESSES_MAX).fill("198.51.100.9:1");
    const outcomes = [await ask(many), await ask(many), await ask(["198.51.100.9:1"])].flat();
    expect(outcomes.filter((outcome) => outcome === "reached")).toHaveLength(2 * DIAL_BACK_ADDRESSES_MAX);
    expect(outcomes.at(-1)).toBe("busy");
    clock.now += 60_000;
    expect(await ask(["198.51.100.9:1"])).toEqual(["reached"]);
  });

  it("so much for all members together", async () => {
    const { answering } = scene(["198.51.100.9:1"]);
    const body = encodeDialBack(["198.51.100.9:1"]);
    const answers = [];
    for (let index = 0; index < 300; index++) {
      const id = String(index).padStart(64, "0") as MemberId;
      const answer = await answering.dialBack({ id } as MemberCertificate, body, signal, came);
      answers.push(decodeDialledBack(answer, 1)![0]!.outcome);
    }
    expect(answers.filter((outcome) => outcome === "busy")).toHaveLength(300 - 256);
  });

  it("refuses what is no request", async () => {
    const { answering } = scene([]);
    for (const body of [new Uint8Array(0), Uint8Array.of(2, 0), Uint8Array.of(1, 255), Uint8Array.of(1, 1, 0)])
      await expect(answering.dialBack(peer, body, signal, came)).rejects.toMatchObject({ code: "bad-frame" });
  });
});

describe("on the wire", () => {
  it("what is longer, shorter or unknown is nothing", () => {
    const bytes = encodeSeen({ time: 1, way: "came", address: "203.0.113.7:1", udp: undefined });
    expect(decodeSeen(bytes)).toEqual({ time: 1, way: "came", address: "203.0.113.7:1", udp: undefined });
    for (let length = 0; length < bytes.length; length++) expect(decodeSeen(bytes.subarray(0, length))).toBeUndefined();
    expect(decodeSeen(Uint8Array.of(...bytes, 0))).toBeUndefined();
    expect(decodeDialBack(encodeDialBack(["a:1", "b:2"]))).toEqual(["a:1", "b:2"]);
    expect(decodeDialledBack(Uint8Array.of(1, 1, 200, 0, 0, 0, 0), 1)).toBeUndefined();
    expect(decodeDialledBack(Uint8Array.of(1, 1, 0, 0, 0, 0, 0), 2)).toBeUndefined();
  });

  it("the longest addresses fit", () => {
    const long = `${"a".repeat(253)}:65535`;
    expect(encodeSeen({ time: 2 ** 52, way: "came", address: long, udp: long }).length).toBeLessThanOrEqual(
      OBSERVE_BYTES_MAX,
    );
  });
});
