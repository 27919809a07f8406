/**
 * kill -9 of a real authority, while it issues and while it is created: what was revealed is on record, always. A few kills in the
 * suite, at other moments each time; KILLS=n makes n of each, which `npm run nightly` does.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { CertificateAuthority } from "../../ca/index.js";
import { decodeToken } from "../../identity/index.js";
import { codeOf, temporaryDirectory } from "./authority-fixture.js";

const CHILD = fileURLToPath(new URL("issuing-child.js", import.meta.url));
const BUILT = fileURLToPath(new URL("../../dist/ca/index.js", import.meta.url));
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

const KILLS = { issuing: Number(process.env.KILLS ?? 4), creating: Number(process.env.KILLS ?? 6) };
/** Each takes a second, and ten times that beside other busy processes. */
const timeoutOf = (kills: number) => ({ timeout: 30_000 + kills * 10_000 });

interface Line {
  readonly event: "opening" | "open" | "token" | "issued";
  readonly principal: string;
  readonly token: string;
  readonly request: string;
  readonly id: string;
  readonly leaf: string;
}

/** Numbers in [0, 1) from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs the child until `shouldDie` says so of a line (it may wait first), kills it, and returns all that it said. */
async function runAndKill(
  directory: string,
  prefix: string,
  shouldDie: (line: Line, count: number) => boolean | number,
) {
  const child = spawn(process.execPath, [CHILD, directory, prefix], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines: Line[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    if (!text.endsWith("}")) break; // Cut off by the kill.
    const line = JSON.parse(text) as Line;
    lines.push(line);
    dieIf(child, shouldDie(line, lines.length));
  }
  const [, signal] = await exited;
  expect(signal).toBe("SIGKILL");
  return lines;
}

function dieIf(child: ChildProcess, when: boolean | number): void {
  if (when === true) child.kill("SIGKILL");
  if (typeof when === "number") setTimeout(() => child.kill("SIGKILL"), when);
}

describe.skipIf(!existsSync(BUILT))(`kill -9 (needs the built package; SEED=${SEED})`, () => {
  it(
    "while issuing: every certificate revealed is on record, every token bought one, ids stay",
    timeoutOf(KILLS.issuing),
    async () => {
      const random = randomFrom(SEED);
      await using temporary = await temporaryDirectory();
      const ids = new Map<string, string>();
      const lines: Line[] = [];
      for (let round = 0; round < KILLS.issuing; round++) {
        const last = 5 + Math.floor(random() * 30);
        lines.push(...(await runAndKill(temporary.path, "member", (_, count) => count >= last)));
      }
      const authority = await CertificateAuthority.open({ directory: temporary.path });
      const issued = new Map(lines.filter(({ event }) => event === "issued").map((line) => [line.token, line]));
      expect(issued.size).toBeGreaterThan(KILLS.issuing * 2);
      for (const { event, token, request, principal } of lines) {
        if (event !== "token") continue;
        const admission = { kind: "token", secret: decodeToken(token)!.secret } as const;
        const again = await authority.enroll({ admission, request: Buffer.from(request, "base64"), addresses: [] });
        const revealed = issued.get(token);
        if (revealed !== undefined) expect(Buffer.from(again.leaf).toString("base64")).toBe(revealed.leaf);
        expect(again.id).toBe(ids.get(principal) ?? again.id);
        ids.set(principal, again.id);
      }
      expect(new Set(ids.values()).size).toBe(ids.size);
      await authority.close();
    },
  );

  it("while it is created: the next start finds nothing or all of it", timeoutOf(KILLS.creating), async () => {
    const random = randomFrom(SEED + 1);
    await using temporary = await temporaryDirectory();
    for (let round = 0; round < KILLS.creating; round++) {
      const directory = `${temporary.path}/${round}`;
      const delay = random() * 40;
      const lines = await runAndKill(directory, "first", ({ event }) => event === "opening" && delay);
      const opened = lines.find(({ event }) => event === "open") as { fingerprint?: string } | undefined;
      const authority = await CertificateAuthority.open({ directory });
      expect(authority.fingerprint).toBe(opened?.fingerprint ?? authority.fingerprint);
      expect(await codeOf(authority.createToken("next", { urls: ["https://127.0.0.1:1"] }))).toBe("none");
      await authority.close();
    }
  });
});
