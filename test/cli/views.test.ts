/** What people read: tables and sentences of the command. */
import { describe, expect, it } from "vitest";
import { Redrawn } from "../../cli/commands/members/redrawn.js";
import { ViewTable } from "../../cli/demo/view-table.js";
import { counted, painter } from "../../cli/output.js";
import {
  changeLine,
  changeView,
  departedView,
  infoTable,
  membersTable,
  memberView,
  ringsTable,
  ringViews,
  roundTripLine,
} from "../../cli/views.js";
import type { Change } from "../../client/types.js";
import { idOf, member } from "../support/fake-agent-client.js";

const plain = painter(false);
const lineOf = (change: Change) => changeLine(changeView(change), plain);

it("an agent's facts are for people: a date for a time, a dash for nothing", () => {
  const info = { id: "ab", certificateEnds: 0, disabledRings: [], others: [1, 3], rejected: { late: 2 } };
  expect(infoTable(info).split("\n")).toEqual([
    "id               ab",
    "certificateEnds  1970-01-01T00:00:00.000Z",
    "disabledRings    -",
    "others           1, 3",
    'rejected         {"late":2}',
  ]);
});

it("counts one as one", () => {
  expect([0, 1, 2].map((count) => counted(count, "crash", "crashes"))).toEqual(["0 crashes", "1 crash", "2 crashes"]);
});

it("names the relay of a round trip as all ids are shown", () => {
  const [bob, relay] = [idOf("b0b"), idOf("5e1a")];
  const path = { kind: "relayed", direction: "accepted", address: `relay://${relay}` } as const;
  const line = roundTripLine({ id: bob, name: "bob", linkMs: 43.41, path });
  expect(line).toBe(
    `bob (${bob.slice(0, 12)})  UDP: no address to send to  connection 43.4 ms (from relay://${relay.slice(0, 12)})`,
  );
});

describe("members", () => {
  const alice = member("aa1", { name: "alice", metadata: { role: "worker" }, since: 1_000 });

  it("are a table with names and metadata, and of those who are gone why and since when", () => {
    const failed = departedView({ member: member("b", { name: "bob" }), reason: "removed", at: 60_000 });
    const left = departedView({ member: member("c"), reason: "left", at: 0 });
    const views = [memberView(alice), memberView(member("d", { suspected: true })), failed, left];
    expect(membersTable(views, 91_000).split("\n")).toEqual([
      "NAME   ID            ADDRESS         STATE              SINCE                           METADATA",
      'alice  aa1000000000  127.0.0.1:8400  live               90 s                            {"role":"worker"}',
      "-      d00000000000  127.0.0.1:8400  suspected          91 s                            {}",
      "bob    b00000000000  127.0.0.1:8400  failed: no answer  1970-01-01 00:01:00Z, 31 s ago  {}",
      "-      c00000000000  127.0.0.1:8400  left               1970-01-01 00:00:00Z, 91 s ago  {}",
    ]);
  });

  it("change in lines with names, metadata while they are news, and the reason of a failure", () => {
    expect(lineOf({ kind: "joined", member: alice, at: 0 })).toBe(
      '00:00:00.000  joined     alice         aa1000000000  127.0.0.1:8400  {"role":"worker"}',
    );
    expect(lineOf({ kind: "updated", member: alice, at: 0 })).toMatch(/\{"role":"worker"\}$/);
    expect(lineOf({ kind: "left", member: alice, at: 0 })).toMatch(/left {7}alice {9}aa1000000000 {2}127.0.0.1:8400$/);
    expect(lineOf({ kind: "failed", member: alice, reason: "removed", at: 0 })).toMatch(/127.0.0.1:8400 {2}no answer$/);
    expect(lineOf({ kind: "failed", member: alice, reason: "revoked", at: 0 })).toMatch(/127.0.0.1:8400 {2}revoked$/);
    expect(lineOf({ kind: "isolated", reason: "nobody", at: 0 })).toMatch(/isolated {3}nobody$/);
  });

  it("write nothing on a terminal but a line each, whatever their notes say", () => {
    const evil = "\u001b[2J\nfailed \u202e";
    const liar = member("e", { name: "eve", address: evil, addresses: [evil], metadata: { a: evil } });
    const line = lineOf({ kind: "joined", member: liar, at: 0 });
    const table = membersTable([memberView(liar)], 0);
    for (const text of [line, ...table.split("\n")]) expect(text).toMatch(/^[ -~]*$/);
    expect(table.split("\n")).toHaveLength(2);
  });

  it("stand on rings by their names", () => {
    const rings = [
      { ring: 1, predecessor: alice.id, successor: idOf("b") },
      { ring: 2, predecessor: undefined, successor: undefined },
    ];
    expect(ringsTable(ringViews(rings, [alice])).split("\n")).toEqual([
      "RING  PREDECESSOR           SUCCESSOR",
      "1     alice (aa1000000000)  b00000000000",
      "2     -                     -",
    ]);
  });
});

describe("a table that is drawn over", () => {
  it("begins at the top, ends each line, and is no longer than the terminal", () => {
    let written = "";
    const write = (text: string) => {
      written = text;
      return true;
    };
    const out = { rows: 4, columns: 5, write };
    const table = new Redrawn(out as never);
    table.draw("a\nb");
    expect(written).toBe("\u001b[H\u001b[Ja\u001b[K\nb\u001b[K\n\u001b[J");
    table.draw("1\n2\n3\n4\n5");
    expect(written).toBe("\u001b[H1\u001b[K\n2\u001b[K\n... and 3 more\u001b[K\n\u001b[J");
    table.draw("\u001b[5mlong");
    expect(written).toBe("\u001b[H\\u001\u001b[K\n\u001b[J");
  });
});

describe("the demonstration's table", () => {
  const rows = (table: ViewTable) => table.render(plain).map((line) => line.trimEnd());

  it("has a row and a column for each member, and a column for a guest while she is there", () => {
    const table = new ViewTable(["ada", "ben"]);
    table.introduce("ada", "a");
    table.introduce("ben", "b");
    expect(table.take("ada", { event: "joined", id: "b" })).toBe(true);
    expect(table.take("ada", { event: "ready", id: "a" })).toBe(false);
    expect(rows(table).slice(0, 3)).toEqual(["           ada  ben", "  ada sees ·    ●", "  ben"]);
    table.introduce("eve", "e");
    table.take("ada", { event: "joined", id: "e" });
    expect(rows(table).slice(0, 2)).toEqual(["           ada  ben  eve", "  ada sees ·    ●    ●"]);
    table.take("ada", { event: "failed", id: "b" });
    table.dismiss("eve");
    expect(rows(table).slice(0, 2)).toEqual(["           ada  ben", "  ada sees ·    ✗"]);
  });
});
