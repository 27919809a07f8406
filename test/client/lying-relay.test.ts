/**
 * A member that relays and lies, among whole members over real sockets: each of its victims gets its messages through by another
 * relay, says what the liar did, and stays in all views.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { LIES, Puppets } from "../support/lying-relay.js";
import { undialable } from "../support/nat.js";
import { OfflineNetwork, read, type TestClient, text, until, whole } from "../support/network.js";

/** Within how many milliseconds its first message is answered, on a quiet machine. */
const WITHIN_MS: Readonly<Record<keyof typeof LIES, number>> = {
  "takes it and says nothing": 1_000,
  "says that it is open, and lets nothing through": 1_000,
  "has no room": 1_000,
  "says that the member is gone": 1_000,
  "leads to somebody else": 1_000,
  "drops all after the handshake": 5_000,
  "cuts it after the handshake": 1_000,
  "delays what comes back": 1_500,
};
/**
 * The short form has a word and a cut. `LYING_RELAYS=all` has all: twelve members in one process, and silences, which are told
 * by time and so need a machine that does nothing else.
 */
const SHORT: readonly (keyof typeof LIES)[] = ["says that the member is gone", "cuts it after the handshake"];
const names = process.env.LYING_RELAYS === "all" ? (Object.keys(LIES) as (keyof typeof LIES)[]) : SHORT;
/** How much longer a machine may take that does other things as well. */
const BUSY = 6;

let network: OfflineNetwork;
let liar: TestClient;
/** Whom all call, and for each lie who suffers it. */
let target: TestClient;
let everybody: readonly TestClient[];
const puppets = new Puppets();
const victims = new Map<string, TestClient>();
/** Who was taken for dead, and by whom. */
const accused: string[] = [];

/** As on other networks than one host: a member that is slow for a moment is no news. */
const CALM = { preset: "lan" } as const;

const viaOf = (client: TestClient) => client.paths().find(({ id }) => id === target.id)?.via ?? [];

beforeAll(async () => {
  network = await OfflineNetwork.create({ deltaMs: 2_000 });
  liar = await puppets.starting(true, () => network.start(CALM));
  const entryAddrs = [liar.address];
  const honest = await puppets.starting(false, () =>
    Promise.all([0, 1].map(() => network.start({ ...CALM, entryAddrs }))),
  );
  const hidden = async () => {
    const options = { ...CALM, entryAddrs, behindNat: true };
    const client = await network.member(options, undefined, { transports: [undialable()] });
    client.registerMessageHandler((data) => data);
    return client;
  };
  const other = await hidden();
  target = await hidden();
  for (const name of names) victims.set(name, await hidden());
  // One after another: all of them shake hands with each other by three relays.
  for (const client of [other, target, ...victims.values()]) await client.start();
  everybody = [liar, ...honest, other, target, ...victims.values()];
  await whole(everybody);
  for (const client of victims.values()) {
    await until(client, () => client.member(target.id)!.addresses.filter((a) => a.startsWith("relay:")).length === 3);
    puppets.steer(client.id, target.id);
  }
  for (const client of victims.values()) {
    await vi.waitFor(
      async () => {
        await client.sendToId(target.id, text("hello"));
        expect(viaOf(client)).toEqual([liar.id]);
      },
      { timeout: 60_000 },
    );
  }
  for (const client of everybody) void listen(client);
  for (const name of names) {
    puppets.lie(victims.get(name)!.id, target.id, LIES[name](other.id));
  }
}, 120_000);
afterAll(() => network?.[Symbol.asyncDispose]());

async function listen(client: TestClient): Promise<void> {
  for await (const change of client.changes())
    if (change.kind === "failed" || change.kind === "suspected")
      accused.push(`${change.kind} ${change.member.id} at ${client.id}`);
}

describe("a relay that", () => {
  it.concurrent.each(names)("%s is gone round, and told of", { timeout: 60_000 }, async (name) => {
    const victim = victims.get(name)!;
    const begun = performance.now();
    expect(read(await victim.sendToId(target.id, text(name)))).toBe(name);
    expect(performance.now() - begun).toBeLessThan(BUSY * WITHIN_MS[name]);
    for (let count = 0; count < 5; count++) expect(read(await victim.sendToId(target.id, text(name)))).toBe(name);
    if (name === "delays what comes back") return; // It is compared with others after ten seconds: links-paths.test.ts.
    const told = () => victim.info().relay.troubles.find(({ id }) => id === liar.id)?.failures ?? {};
    await vi.waitFor(() => expect(Object.keys(told()).length).toBeGreaterThan(0), { timeout: 30_000 });
    await vi.waitFor(() => expect(viaOf(victim)).not.toContain(liar.id), { timeout: 30_000 });
  });

  it("lies has nobody taken for dead", async () => {
    await whole(everybody);
    expect(accused).toEqual([]);
  });
});
