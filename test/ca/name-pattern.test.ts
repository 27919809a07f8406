/** Names that are drawn by a pattern. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { requireNamePattern } from "../../ca/acts/token.js";
import { drawnName } from "../../ca/name-pattern.js";
import { type FirefliesError, isNamePattern, isPrincipal, jwtPolicyProblem } from "../../identity/index.js";
import { matchesPattern } from "../../rings/index.js";

const word = (letters: string, maxLength: number) =>
  fc.array(fc.constantFrom(...letters), { maxLength }).map((parts) => parts.join(""));

describe("a pattern of names", () => {
  it("draws names that fit it, or that are too long to be names", () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        word("ab-*", 64).filter((text) => isNamePattern(text) && text.includes("*")),
        key,
        (pattern, spki) => {
          const name = drawnName(pattern, spki);
          expect(matchesPattern(name, pattern)).toBe(true);
          expect(isPrincipal(name) || name.length > 64).toBe(true);
          expect(drawnName(pattern, spki)).toBe(name);
        },
      ),
    );
  });
});

describe("a pattern that admits nobody", () => {
  const codeOf = (pattern: string) => {
    try {
      requireNamePattern(pattern);
      return undefined;
    } catch (error) {
      return (error as FirefliesError).code;
    }
  };

  it.each(["*.fireflies.internal", "web-*.Fireflies.Internal", "*.localhost", "a*b.localhost."])("%s", (pattern) => {
    expect(codeOf(pattern)).toBe("principal-reserved");
    const policy = {
      issuer: "https://id.example",
      audience: "ff",
      claims: { sub: "*" },
      name: "{sub}",
      names: pattern,
    };
    expect(jwtPolicyProblem(policy)).toMatch(/^would admit nobody/);
    expect(jwtPolicyProblem({ ...policy, names: undefined, name: "{sub}.localhost" })).toMatch(/^would admit nobody/);
    expect(jwtPolicyProblem({ ...policy, names: undefined })).toBeUndefined();
  });

  it.each(["*", "authority*", "*localhost", "*.localhost*", "0123456789abcdef0123456789abcdef*"])(
    "but not %s",
    (pattern) => {
      expect(codeOf(pattern)).toBeUndefined();
    },
  );
});
