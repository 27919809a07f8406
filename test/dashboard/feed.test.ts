/** What the dashboard reads: everything of the right form, and nothing else; it never fails at what a peer or a line says. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EVENT_CHARACTERS_MAX, EventStreamReader } from "../../dashboard/feed/event-stream.js";
import { readExplanation } from "../../dashboard/feed/explanation.js";
import { readEvent, readSnapshot } from "../../dashboard/feed/forms.js";
import { connectionOf, subscribersOf } from "../../dashboard/feed/graph.js";
import { readRecording } from "../../dashboard/feed/recording.js";
import { snapshotOf } from "../support/dashboard/told.js";

describe("server-sent events", () => {
  const stream =
    ': hello\n\nid: 4\nevent: history\ndata: {"a":1}\n\ndata: one\r\ndata:two\r\n\r\nevent: nothing\n\nid: 5\rdata: last\r\r';
  const told = [
    { id: "4", event: "history", data: '{"a":1}' },
    { id: "4", event: "message", data: "one\ntwo" },
    { id: "5", event: "message", data: "last" },
  ];

  it("come out the same in whatever pieces they arrive", () => {
    const whole = `${stream}\n`; // A carriage return at the end waits for what follows.
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length)), (cuts) => {
        const ends = [...new Set(cuts), whole.length].sort((a, b) => a - b);
        const reader = new EventStreamReader();
        const pieces = ends.map((end, index) => whole.slice(ends[index - 1] ?? 0, end));
        expect(pieces.flatMap((piece) => reader.push(piece))).toEqual(told);
      }),
    );
  });

  it("that never end are refused before they fill the memory", () => {
    const line = `data: ${"x".repeat(100_000)}\n`;
    const reader = new EventStreamReader();
    const fill = () => {
      for (let size = 0; size <= EVENT_CHARACTERS_MAX; size += 100_000) reader.push(line);
    };
    expect(fill).toThrow(RangeError);
  });
});

describe("forms", () => {
  it("of a snapshot: places on rings, and what is missing has a default", () => {
    const { members, rings, self } = snapshotOf({ a: [0, 65_535], b: [258, 3] });
    expect({ rings, self }).toEqual({ rings: 2, self: "a" });
    expect(members.map(({ positions }) => [...positions])).toEqual([
      [0, 65_535],
      [258, 3],
    ]);
    expect(members[0]).toMatchObject({ path: "", via: [], rttMs: undefined, certificateEnd: undefined, metadata: "" });
  });

  it("metadata of any form is text, and a service that is none is left out", () => {
    const [member] = readSnapshot({
      members: [{ id: "a", metadata: { zone: "eu" }, certificateEnd: 5, services: ["web", { name: "x" }, ""] }],
    })!.members;
    expect(member).toMatchObject({ metadata: '{"zone":"eu"}', certificateEnd: 5, services: ["web"] });
  });

  it.each([
    ["a kind of a later version", "history", { at: 1, kind: "blessed", member: "a" }],
    ["an event about nobody", "history", { at: 1, kind: "joined" }],
    ["an event without an instant", "history", { kind: "joined", member: "a" }],
    ["a name of a later version", "weather", { at: 1 }],
    ["no record", "history", "joined"],
  ])("%s is left out", (_, name, value) => {
    expect(readEvent(name, value, 3)).toBeUndefined();
  });

  it("a ring that is none is no ring", () => {
    const ringOf = (ring: unknown) => readEvent("history", { at: 1, kind: "accused", member: "a", ring }, 3);
    expect([0, 4, 1.5, "2", 2].map(ringOf)).toMatchObject(
      [{}, {}, {}, {}, { ring: 2 }].map((each) => ({ ring: undefined, ...each })),
    );
  });

  it("never throw at any JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom("history", "alarm", "figures", "x"), (value, name) => {
        readSnapshot(value);
        readEvent(name, value, 3);
        readExplanation(value);
        connectionOf(value, "a");
        subscribersOf(value);
        readRecording(`{"recording":1,"snapshot":${JSON.stringify(value)}}\n${JSON.stringify(value)}`);
      }),
    );
  });
});

describe("a recording", () => {
  const head = JSON.stringify({ recording: 1, title: "a kill", snapshot: { at: 5, rings: 2, members: [{ id: "a" }] } });

  it("has its events, and says how many lines it could not read", () => {
    const lines = [
      head,
      '{"event":"history","at":6,"kind":"left","member":"a"}',
      "",
      '{"event":"figures","at":7}',
      '{"event":"hist',
    ];
    const recording = readRecording(lines.join("\n"));
    expect(recording).toMatchObject({ title: "a kill", skipped: 1, events: [{ kind: "left" }, { event: "figures" }] });
  });

  it.each(["", "PK\u0003\u0004", '{"recording":2}', '{"recording":1}', "[]"])(
    "%j is none, and the reader is told",
    (content) => {
      expect(readRecording(content)).toMatch(/recording/);
    },
  );
});

describe("answers about one member", () => {
  it("are sentences, and nothing else", () => {
    expect(readExplanation({ sentences: ["one", { text: "two" }, "", "three"] })).toEqual(["one", "three"]);
    expect(readExplanation(["four"])).toEqual([]);
  });

  it("are sessions and streams of the links to it, and to nobody else", () => {
    const graph = {
      links: [
        { id: "l1", to: "a" },
        { id: "l2", to: "b" },
      ],
      sessions: [
        { link: "l1", path: "direct", address: "h:1", rttMs: 3, inUse: true, open: 2 },
        { link: "l2", path: "relayed" },
      ],
      streams: [{ link: "l1", protocol: "/x", count: 4 }],
      topics: [{ topic: "t", subscribers: ["a", "b"] }],
    };
    expect(connectionOf(graph, "a")).toEqual({ sessions: ["direct, h:1, 3 ms, in use, 2 open"], streams: ["4 of /x"] });
    expect([...subscribersOf(graph)]).toEqual([["t", ["a", "b"]]]);
  });
});
