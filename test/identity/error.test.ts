/** The table of error codes is what programs and the docs rely on. */
import { describe, expect, it } from "vitest";
import { ERROR_CODES, type ErrorCode, FirefliesError, isErrorCode } from "../../identity/index.js";

describe("error codes", () => {
  it("each have a meaning and a remedy that end as sentences do", () => {
    for (const [code, { meaning, remedy }] of Object.entries(ERROR_CODES)) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(meaning, code).toMatch(/^\S.*\.$/s);
      expect(remedy, code).toMatch(/^\S.*\.$/s);
    }
  });

  it("are known by name, and nothing else is", () => {
    expect(isErrorCode("token-used")).toBe(true);
    for (const text of ["", "constructor", "__proto__", undefined, 7]) expect(isErrorCode(text)).toBe(false);
  });

  it("say what is wrong in one field and what to do in another", () => {
    const code: ErrorCode = "token-used";
    const { meaning, remedy } = ERROR_CODES[code];
    const cause = new Error("why");
    expect(new FirefliesError(code)).toMatchObject({ name: "FirefliesError", code, message: meaning, advice: remedy });
    expect(new FirefliesError(code, "Twice.", { cause })).toMatchObject({ message: "Twice.", advice: remedy, cause });
    expect(new FirefliesError(code, "Twice.", { advice: "Ask." })).toMatchObject({ message: "Twice.", advice: "Ask." });
  });
});
