/** A program's own logger, of pino's shape: what a member and an authority tell it, and that it harms neither. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CertificateAuthority, serveAuthority } from "../../ca/index.js";
import { Client } from "../../client/client.js";
import { containedLogger, LOG_LEVELS, type Logger, shown } from "../../identity/index.js";
import { codeOf, OfflineNetwork, text } from "../support/network.js";

interface Entry {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

function recorder(): { readonly logger: Logger; readonly entries: Entry[] } {
  const entries: Entry[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void entries.push({ level, fields: { ...fields }, message });
  return { logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, entries };
}
const thrower = Object.fromEntries(
  LOG_LEVELS.map((level) => [
    level,
    () => {
      throw new Error("the logger is broken");
    },
  ]),
) as unknown as Logger;

describe("of a member", () => {
  it("hears of its life, its view and its alarms, with the stack of what a handler threw", async () => {
    await using network = await OfflineNetwork.create();
    const { logger, entries } = recorder();
    const alice = await network.start({ logger });
    const bob = await network.start({ entryAddrs: [alice.address], metadata: { role: "a\nb" } });
    await bob.waitForMembers(1);
    alice.registerMessageHandler(() => {
      throw new Error("no such table");
    });
    expect(await codeOf(bob.sendToId(alice.id, text("x")))).toBe("handler-failed");
    await alice.stop({ drain: 0 });
    const of = (event: string) => entries.filter(({ fields }) => fields.event === event);
    expect(of("ready")).toMatchObject([
      { level: "info", fields: { id: alice.id }, message: expect.stringContaining("ready: ") },
    ]);
    expect(of("joined")).toMatchObject([{ level: "info", fields: { id: bob.id, metadata: { role: "a\nb" } } }]);
    const failure = of("alarm").find(({ fields }) => fields.code === "handler-failed");
    expect(failure).toMatchObject({ level: "error", message: expect.stringContaining("no such table") });
    const { cause } = failure!.fields.err as Error;
    expect((cause as Error).stack).toContain("logger.test.ts");
    expect(of("stopping")).toHaveLength(1);
    expect(entries.at(-1)?.fields.event).toBe("stopped");
    for (const { message } of entries) expect(message).toBe(shown(message));
  });

  it("that throws harms nobody; what is none is a TypeError", async () => {
    await using network = await OfflineNetwork.create();
    const alice = await network.start({ logger: thrower });
    expect(alice.members()).toEqual([]);
    expect(() => new Client({ config: false, logger: {} as Logger })).toThrow(TypeError);
    expect(() => containedLogger(console)).not.toThrow();
  });
});

describe("of an authority", () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "ff-logger-"));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it("hears of decisions and requests", async () => {
    const { logger, entries } = recorder();
    const authority = await CertificateAuthority.open({ directory: join(dir, "ca"), numRings: 3, logger });
    const server = await serveAuthority(authority, { port: 0, admin: { host: "127.0.0.1", port: 0 } });
    await authority.createToken("alice", { urls: ["https://127.0.0.1:1"] });
    await authority.createIdentity({ principal: "bob" });
    await server.close();
    authority.tell({ kind: "failed", error: new Error("disk\nfull"), at: 0 });
    await authority.close();
    expect(
      entries.map(({ level, fields, message }) => [level, fields.event, message.replace(/[0-9a-f]{12}/, "ID")]),
    ).toEqual([
      ["info", "token-created", "token for alice"],
      ["info", "issued", "issued ID to bob (offline)"],
      ["error", "failed", "failed: disk\\nfull"],
    ]);
    expect(entries.at(-1)?.fields.err).toBeInstanceOf(Error);
  });

  it("that throws harms nobody", async () => {
    const authority = await CertificateAuthority.open({ directory: join(dir, "other"), numRings: 3, logger: thrower });
    await authority.createIdentity({ principal: "bob" });
    await authority.close();
  });
});
