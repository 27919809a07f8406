/** Refused attempts: who is told of, and how often. */
import { describe, expect, it } from "vitest";
import { Refusals, type Refused } from "../../services/refusals.js";

describe("refused attempts", () => {
  function told() {
    let now = 0;
    const refused: Refused[] = [];
    const refusals = new Refusals(() => now);
    const attempt = (member: string) =>
      refusals.add({ member, name: undefined, protocol: "/x", code: "peer-refused" }, (each) => refused.push(each));
    return { refused, attempt, wait: (ms: number) => (now += ms) };
  }

  it("are told five times at once, then seldom, and none is forgotten in the count", () => {
    const { refused, attempt, wait } = told();
    for (let index = 0; index < 100; index++) attempt("mallory");
    expect(refused.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1, 1]);
    wait(10_000);
    attempt("mallory");
    expect(refused.at(-1)).toMatchObject({ member: "mallory", attempts: 96, at: 10_000 });
  });

  it("of one member keep those of another from nobody", () => {
    const { refused, attempt } = told();
    for (let index = 0; index < 100; index++) attempt("mallory");
    attempt("trudy");
    expect(refused.at(-1)).toMatchObject({ member: "trudy", attempts: 1 });
  });

  it("of very many members are bounded as well", () => {
    const { refused, attempt } = told();
    for (let index = 0; index < 10_000; index++) attempt(`m${index}`);
    expect(refused.length).toBe(50);
  });
});
