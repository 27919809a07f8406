/** What another user may not use is said to be forbidden, each with its code: never "not there", and never a bare EACCES. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { takeLock } from "../../ca/state/lock.js";
import { Client } from "../../client/client.js";
import { FirefliesError } from "../../identity/index.js";
import { withForbidden } from "../support/other-user.js";
import { typed } from "../support/typed.js";

const nothing = async () => {};

async function failureOf(promise: Promise<unknown>): Promise<FirefliesError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FirefliesError);
  return error as FirefliesError;
}

describe("a directory of another user", () => {
  it("start() rejects with a code, for the directory, one below it and a configuration in it", async () => {
    const prepare = (dir: string) => writeFile(join(dir, "fireflies.yaml"), "preset: lan\n");
    await withForbidden(prepare, async (dir) => {
      const options = { config: false, useCa: false } as const;
      for (const [path, code] of [
        [dir, "directory-unsafe"],
        [join(dir, "member"), "state-unreadable"],
      ] as const) {
        const error = await failureOf(new Client({ ...options, dir: path }).start());
        expect(error.code).toBe(code);
        expect(error.message).toContain(path);
        expect(error.advice).toMatch(/user|owner/);
      }
      const error = await failureOf(new Client({ config: join(dir, "fireflies.yaml") }).start());
      expect(error.code).toBe("config-unreadable");
    });
  });

  it.each([["members"], ["info"], ["rings"], ["monitor"], ["leave"], ["send", "x", "y"], ["gossip", "x"], ["renew"]])(
    "%s says that this user may not, not that no agent runs",
    async (...command) => {
      await withForbidden(
        (dir) => mkdir(join(dir, "below")),
        async (dir) => {
          for (const path of [dir, join(dir, "below")]) {
            const { code, stderr } = await typed([...command, "--dir", path], { cwd: "/" });
            expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining("(agent-forbidden)") });
            expect(stderr).not.toContain("No agent");
          }
        },
      );
    },
  );

  it("an authority's lock in it is unreadable, not taken", async () => {
    await withForbidden(nothing, async (dir) => {
      expect(await failureOf(takeLock(join(dir, "ca.lock")))).toMatchObject({ code: "ca-state-unreadable" });
    });
  });
});

it("a directory that is not there is said to be missing", async () => {
  const { code, stderr } = await typed(["members", "--dir", "/nowhere/at/all"], { cwd: "/" });
  expect(code).toBe(3);
  expect(stderr).toMatch(
    /^error: There is no directory \/nowhere\/at\/all, and no agent on it\. .*\(agent-unreachable\)/,
  );
});
