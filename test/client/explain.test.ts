/** Why a member stands as it does: the sentences for each standing, and what two real members say of a liar and its victim. */
import { describe, expect, it } from "vitest";
import type { HistoryEvent } from "../../client/history/event.js";
import { type ExplanationFacts, explanationOf } from "../../client/history/explanation.js";
import { Statements } from "../../client/history/statements.js";
import { accusationBy, liarBefore, tell } from "../support/false-accuser.js";
import { codeOf, nextChange, OfflineNetwork, type TestClient, whole } from "../support/network.js";

const BOB = "b0".repeat(32);
const LIAR = "e7".repeat(32);
const AT = Date.UTC(2026, 10, 30, 14, 2, 3);

const FACTS: ExplanationFacts = {
  ...{ member: BOB, name: "bob", isSelf: false, standing: "live", epoch: "7", accusations: [], events: [] },
  ...{ said: [], answers: [], path: undefined, certificateEnds: undefined, isolated: undefined, waitsUntil: undefined },
};
const standing = {
  by: LIAR,
  byName: "mallory",
  ring: 3,
  epoch: "7",
  stands: true,
  since: AT,
  removedAt: AT + 3000,
  blockedBy: undefined,
};

let sequence = 0;
const event = (kind: HistoryEvent["kind"], more: Partial<HistoryEvent> = {}): HistoryEvent => ({
  ...{ sequence: ++sequence, at: AT + sequence, kind, member: BOB, name: "bob" },
  ...more,
});

describe("an explanation", () => {
  it.each<[string, Partial<ExplanationFacts>, RegExp]>([
    ["live", {}, /^bob \(b0b0b0b0b0b0\) is live: nothing stands against it\.$/],
    [
      "suspected",
      { standing: "suspected", accusations: [standing] },
      /suspected: an accusation stands.*removed at 2026-11-30T14:02:06/,
    ],
    [
      "removed",
      { standing: "removed", events: [event("removed", { by: LIAR, byName: "mallory", ring: 3 })] },
      /was removed at 2026-11-30T14:02.*that of mallory .* on ring 3/,
    ],
    ["waiting", { standing: "waiting", waitsUntil: AT }, /must wait until 2026-11-30T14:02:03/],
    ["left", { standing: "left" }, /has left by its own will/],
    ["revoked", { standing: "revoked" }, /revoked by the authority/],
    ["expired", { standing: "expired", certificateEnds: AT }, /certificate that ended at 2026-11-30T14:02:03/],
    ["equivocated", { standing: "equivocated" }, /two notes of one epoch/],
    ["silent", { standing: "silent" }, /not in the view/],
    ["itself", { isSelf: true }, /^This member is among the others\.$/],
    [
      "itself, isolated",
      { isSelf: true, standing: "isolated", isolated: { reason: "refused", until: undefined, since: AT } },
      /is isolated since .*refuses its certificate/,
    ],
  ])("of one that is %s begins with the answer", (_, facts, answer) => {
    expect(explanationOf({ ...FACTS, ...facts }).sentences[0]).toMatch(answer);
  });

  it("says of an accusation that does not stand who is between the two", () => {
    const accusations = [
      { ...standing, stands: false, since: undefined, removedAt: undefined, blockedBy: "c0".repeat(32) },
    ];
    expect(explanationOf({ ...FACTS, accusations }).sentences.join("\n")).toMatch(
      /does not stand: c0c0c0c0c0c0 is between/,
    );
  });

  it("says once what one member accuses it of on several rings", () => {
    const accusations = [5, 3, 12].map((ring) => ({ ...standing, ring, since: AT + ring }));
    const { sentences } = explanationOf({ ...FACTS, standing: "suspected", accusations });
    expect(sentences.filter((each) => each.startsWith("Held now"))).toEqual([
      "Held now: mallory (e7e7e7e7e7e7) accuses it on rings 3, 5 and 12, of epoch 7. They stand since 2026-11-30T14:02:03.003Z.",
    ]);
  });

  it("tells what led to it in order, runs of one kind together, and the path that was tried", () => {
    const missed = [1, 2, 3].map((n) =>
      event("missed", { ring: 3, reason: `${n} of 3`, path: "direct 10.0.0.1:4001" }),
    );
    const events = [
      ...missed,
      event("accused", { by: LIAR, byName: "mallory", ring: 3, epoch: "7", from: "f0".repeat(32) }),
    ];
    const { sentences } = explanationOf({ ...FACTS, events });
    expect(sentences.join("\n")).toMatch(
      /3 times until .*bob did not answer a ping on ring 3 \(3 of 3\)\. Path: direct 10\.0\.0\.1:4001/,
    );
    expect(sentences.at(-1)).toMatch(
      /mallory \(e7e7e7e7e7e7\) accused bob on ring 3, of epoch 7\. f0f0f0f0f0f0 brought it\./,
    );
  });

  it("points at a single accuser who is answered again and again, and at nobody where this member missed pings too", () => {
    const told = [1, 2, 3].flatMap((n) => [
      event("accused", { by: LIAR, byName: "mallory", ring: 3, epoch: String(n) }),
      event("rebutted", { epoch: String(n + 1) }),
    ]);
    expect(explanationOf({ ...FACTS, events: told }).sentences.join("\n")).toMatch(
      /All 3 accusations come from mallory/,
    );
    const both = [...told, event("missed", { reason: "1 of 3" })];
    expect(explanationOf({ ...FACTS, events: both }).sentences.join("\n")).not.toMatch(/All 3 accusations/);
  });

  it("of an accuser says whom it accused, and how often that was answered", () => {
    const said = [event("accused", { by: LIAR, epoch: "7" }), event("accused", { by: LIAR, epoch: "9" })];
    const answers = [event("rebutted", { epoch: "8" })];
    const { accuses, sentences } = explanationOf({
      ...FACTS,
      member: LIAR,
      name: "mallory",
      said,
      answers: [{ ...answers[0]!, sequence: said[1]!.sequence }],
    });
    expect(accuses).toEqual([{ member: BOB, name: "bob", accusations: 2, answered: 1 }]);
    expect(sentences).toContain("It has accused bob (b0b0b0b0b0b0) 2 times. An answer followed once.");
  });

  it("leaves out what is too much for a terminal, and says so", () => {
    const events = Array.from({ length: 60 }, (_, n) =>
      event(n % 2 === 0 ? "accused" : "rebutted", { epoch: String(n) }),
    );
    const { sentences } = explanationOf({ ...FACTS, events });
    expect(sentences.length).toBeLessThan(35);
    expect(sentences).toContainEqual(expect.stringContaining("earlier events are left out"));
  });
});

describe("signed statements that are kept", () => {
  const statement = (member: string, author: string, length: number, at = 0, fill = 0) => {
    const bytes = new Uint8Array(length).fill(fill);
    bytes.set(new TextEncoder().encode(`${member} ${author} ${at}`));
    return { member, author, at, bytes };
  };

  it("are bounded, by author and in all, and a liar pushes out its own", () => {
    const kept = new Statements();
    kept.add(statement("bob", "bob", 500, 1));
    for (let n = 2; n < 5000; n++) kept.add(statement("bob", "liar", 200, n));
    expect(kept.of("bob", 0).filter(({ author }) => author === "bob")).toHaveLength(1);
    expect(kept.bytes).toBeLessThan(40_000);
    for (let n = 0; n < 20_000; n++) kept.add(statement(`m${n % 200}`, `a${n % 7}`, 8_000, n));
    expect(kept.bytes).toBeLessThanOrEqual(16 * 1024 * 1024);
    expect(kept.of("bob", 0).filter(({ author }) => author === "bob")).toHaveLength(1);
  });

  it("are each kept once, are copies, and are of one day", () => {
    const kept = new Statements();
    const one = statement("bob", "liar", 200, 5);
    for (let n = 0; n < 3; n++) kept.add({ ...one, bytes: new Uint8Array(one.bytes) });
    one.bytes.fill(9);
    expect(kept.of("bob", 10)).toHaveLength(1);
    expect(kept.of("bob", 10)[0]?.bytes[0]).not.toBe(9);
    expect(kept.of("liar", 10)).toHaveLength(1);
    expect(kept.of("bob", 24 * 3_600_000 + 6)).toHaveLength(0);
    expect(kept.bytes).toBe(0);
  });
});

describe("client.explain()", () => {
  it("says of the victim who lied, of the liar whom it accused, of oneself and of who is gone; and refuses the unknown", async () => {
    await using network = await OfflineNetwork.create();
    const [accused, judge] = (await network.startMany(2)) as [TestClient, TestClient];
    const { identity, ring } = await liarBefore(network, accused, judge);
    const liar = await network.start({ entryAddrs: [accused.address] }, identity);
    await whole([accused, judge, liar]);
    const answered = nextChange(judge, "rebutted", accused.id);
    await tell(identity, judge, accusationBy(identity, accused, ring));
    await answered;
    const victim = judge.explain(accused.id.toUpperCase());
    expect(victim).toMatchObject({ member: accused.id, isSelf: false, standing: "live", accuses: [] });
    const text = victim.sentences.join("\n");
    expect(text).toMatch(new RegExp(`${liar.id.slice(0, 12)} accused .* on ring ${ring}`));
    expect(text).toMatch(/answered with the note of epoch/);
    expect(judge.explain(liar.id).accuses).toEqual([
      { member: accused.id, name: undefined, accusations: 1, answered: 1 },
    ]);
    expect(judge.explain(judge.id)).toMatchObject({ isSelf: true, standing: "live", path: undefined });
    const gone = nextChange(judge, "left", liar.id);
    await liar.stop();
    await gone;
    expect(judge.explain(liar.id).sentences[0]).toMatch(/has left by its own will at/);
    expect(await codeOf(Promise.resolve().then(() => judge.explain("nobody")))).toBe("peer-unknown");
  });
});
