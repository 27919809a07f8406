/** NATS as a path in the agent's file: an agent that listens there alone, and a member that has nothing else. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Client } from "../../../client/index.js";
import { saveIdentity } from "../../../identity/index.js";
import { natsPathOf } from "../../../services/controllers/nats-path.js";
import { natsTransport } from "../../../services/nats/index.js";
import { RunningCommand } from "../../support/command.js";
import { HAS_NATS_SERVER, PlainNats } from "../../support/nats-server.js";
import { TestNetwork } from "../../support/test-network.js";

describe("the section nats_path", () => {
  const where = "fireflies.yaml, line 3";
  const section = (entries: Record<string, unknown>) => ({
    ...{ key: "nats_path", value: entries, where },
    entries: Object.entries(entries).map(([key, value]) => ({ key, value, where })),
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["without servers", { site: "acme" }, "fireflies.yaml, line 3: the service nats_path needs servers."],
    ["with a key that there is none of", { servers: ["a:1"], sites: "acme" }, "sites"],
    ["with a value that is none", { servers: ["a:1"], site: 7 }, "site"],
    ["with a file that is not there", { servers: ["a:1"], password_file: "/no/such/file" }, "/no/such/file"],
  ])("%s is refused, with its line or its file", async (_, entries, text) => {
    await expect(natsPathOf(section(entries))).rejects.toThrow(text);
  });
});

describe.skipIf(!HAS_NATS_SERVER)("an agent with nats_path (needs nats-server)", () => {
  it("is reached through the NATS cluster that its file names", { timeout: 60_000 }, async () => {
    const server = await PlainNats.start();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const network = await TestNetwork.create({ ringCount: 3, deltaMs: 500 });
    const [dir, bobDir] = [join(server.directory, "alice"), join(server.directory, "bob")];
    for (const each of [dir, bobDir]) await saveIdentity(each, await network.member());
    const { servers, user, tls } = server.as();
    const [password, file] = [join(server.directory, "password"), join(server.directory, "fireflies.yaml")];
    writeFileSync(password, "secret\n", { mode: 0o600 });
    const says = {
      ...{ listen: "nats://acme:4222/alice", use_ca: false, preset: "local", dir },
      nats_path: {
        ...{ site: "acme", servers: [servers].flat(), user, password_file: password },
        ...{ ca_file: tls?.caFile, cert_file: tls?.certFile, key_file: tls?.keyFile },
      },
    };
    writeFileSync(file, JSON.stringify(says)); // JSON is YAML.
    const agent = new RunningCommand(["agent", "--config", file, "--reply", "alice was here"], {
      cwd: server.directory,
    });
    onTestFinished(async () => void (await agent.end("SIGTERM")));
    expect(await agent.event("ready")).toMatchObject({ address: "nats://acme:4222/alice" });
    const bob = new Client({
      ...{ config: false, preset: "local", dir: bobDir, useCa: false, listen: "nats://acme:4222" },
      entryAddrs: ["nats://acme:4222/alice"],
      network: { extraTransports: [natsTransport({ site: "acme", nats: server.as() })] },
    });
    onTestFinished(() => bob.stop({ drain: 0 }));
    await bob.start();
    await bob.waitForMembers(1);
    const [alice] = bob.members();
    expect(new TextDecoder().decode(await bob.sendToId(alice!.id, new Uint8Array()))).toBe("alice was here");
  });
});
