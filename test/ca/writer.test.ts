/** Group commit: who shares a transaction, and what happens to the others when one fails. */
import { describe, expect, it } from "vitest";
import { BeginError, CommitError, type Session, type SqlDatabase } from "../../ca/store/database/sql.js";
import { Writer } from "../../ca/store/writer.js";
import { codeOf } from "./authority-fixture.js";

const session: Session = {
  one: async () => undefined,
  all: async () => [],
  run: async () => 1,
  insert: async () => {},
};

/** Counts transactions; `fail` may throw in one's place. */
function database(fail: (transaction: number) => void = () => {}) {
  const counted = { transactions: 0 };
  const fake: SqlDatabase = {
    kind: "sqlite",
    requireWritable: async () => {},
    read: session,
    transaction: async (work) => {
      fail(++counted.transactions);
      const { value, sent } = await work(session, Promise.resolve());
      await Promise.all(sent);
      return value;
    },
    snapshot: () => {
      throw new Error("not here");
    },
    close: async () => {},
  };
  return { writer: new Writer(fake), counted };
}

const ok = async () => "recorded";
const failing = async () => {
  throw new Error("this one cannot be recorded");
};

describe("decisions at one moment", () => {
  it("share one transaction, and each gets its own answer", async () => {
    const { writer, counted } = database();
    const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => writer.write(async () => index)));
    expect(answers).toEqual(Array.from({ length: 100 }, (_, index) => index));
    expect(counted.transactions).toBe(1);
  });

  it("look together when they touch nothing in common, and one after the other when they do", async () => {
    const { writer, counted } = database();
    const seen: string[] = [];
    const decide = (name: string, ...touches: readonly string[]) =>
      writer.decide({
        touches,
        look: async () => {
          seen.push(`look ${name}`);
          return () => void seen.push(`act ${name}`);
        },
      });
    const other = writer.write(async () => void seen.push("work"));
    await Promise.all([other, decide("a", "1", "2"), decide("b", "3"), decide("c", "2"), decide("d", "4")]);
    const apart = ["work", "look a", "look b", "act a", "act b", "look c", "look d", "act c", "act d"];
    expect(seen).toEqual(apart);
    expect(counted.transactions).toBe(1);
  });

  it("are tried alone when one of them fails, and only that one is refused", async () => {
    const { writer, counted } = database();
    const codes = await Promise.all([ok, failing, ok].map((work) => codeOf(writer.write(work))));
    expect(codes).toEqual(["none", "authority-failed", "none"]);
    expect(counted.transactions).toBe(4);
  });

  it.each([
    ["the database is not there", () => new BeginError("gone")],
    ["the commit's outcome is not known", () => new CommitError("lost")],
  ])("are refused together when %s: nothing waits once more for each", async (_, error) => {
    const { writer, counted } = database(() => {
      throw error();
    });
    const codes = await Promise.all(Array.from({ length: 20 }, () => codeOf(writer.write(ok))));
    expect(new Set(codes)).toEqual(new Set(["authority-failed"]));
    expect(counted.transactions).toBe(1);
  });

  it("are refused together when the database goes while they are tried alone", async () => {
    const { writer, counted } = database((transaction) => {
      if (transaction === 3) throw new BeginError("gone");
    });
    const codes = await Promise.all([ok, failing, ok, ok, ok].map((work) => codeOf(writer.write(work))));
    expect(codes).toEqual(["none", ...Array(4).fill("authority-failed")]);
    expect(counted.transactions).toBe(3);
  });
});
