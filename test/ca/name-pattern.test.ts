/** Names that are drawn by a pattern. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawnName } from "../../ca/name-pattern.js";
import { isNamePattern, isPrincipal } from "../../identity/index.js";
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
