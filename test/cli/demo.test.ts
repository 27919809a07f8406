/** `fireflies demo --once --json`: the main job in one line. Needs a build: `npm run build`. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { command } from "../support/command.js";

const DEADLINE_MS = 180_000;

it(
  "tells every step with its milliseconds, exits 0 and leaves nothing behind",
  async () => {
    const cwd = mkdtempSync(join(tmpdir(), "ff-demo-test-"));
    try {
      const { code, stdout, stderr } = await command(["demo", "--once", "--json"], { cwd, env: { TMPDIR: cwd } });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const lines = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      const steps = [
        "authority",
        "join",
        "members",
        "message",
        "gossip",
        "stream",
        "kill",
        "accusation",
        "restart",
        "leave",
        "return",
        "end",
      ];
      expect(lines.map(({ step }) => step)).toEqual(steps);
      for (const line of lines) expect(line).toMatchObject({ ok: true, ms: expect.any(Number) });
      const told = new Map(lines.map((line) => [line.step, line]));
      const members = told.get("members").members as { name: string; metadata: { role: string } }[];
      expect(members.map(({ name }) => name)).toEqual(["ben", "cleo", "dan", "eva"]);
      for (const { metadata } of members) expect(metadata.role).toMatch(/^(api|worker|store)$/);
      expect(told.get("return")).toMatchObject({ name: "eva", text: expect.stringMatching(/^eva has the same id/) });
      expect(existsSync(fileURLToPath(told.get("end").next))).toBe(true);
      expect(readdirSync(cwd)).toEqual([]);
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  },
  DEADLINE_MS,
);
