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

  it("speak for themselves when no message is given", () => {
    const code: ErrorCode = "token-used";
    const error = new FirefliesError(code);
    expect(error.message).toContain(ERROR_CODES[code].meaning);
    expect(error.message).toContain(ERROR_CODES[code].remedy);
    expect(error).toMatchObject({ name: "FirefliesError", code });
  });
});
