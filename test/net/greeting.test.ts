/** A dial that only sees who is there. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Identity } from "../../identity/index.js";
import { deadlineIn, formatAddress, Protocols } from "../../net/index.js";
import { loneStack } from "../support/lone-stack.js";
import { TestNetwork } from "../support/test-network.js";
import { TIMEOUT_MS } from "./session-scene.js";

const soon = () => ({ deadline: deadlineIn(TIMEOUT_MS) });

let alice: Identity;
let bob: Identity;
let asked: ReturnType<typeof loneStack>;
let asking: ReturnType<typeof loneStack>;
let address: string;

beforeAll(async () => {
  const network = await TestNetwork.create();
  [alice, bob] = [await network.member(), await network.member()];
  [asking, asked] = [loneStack(alice), loneStack(bob)];
  address = formatAddress((await asked.listen({ host: "127.0.0.1", port: 0 })).address);
});

afterAll(async () => {
  await asking[Symbol.asyncDispose]();
  await asked[Symbol.asyncDispose]();
});

it("finds the member that is expected, and leaves no session behind at either end", async () => {
  await asking.greet(address, bob.certificate.id, soon());
  expect([asking.links.size, asked.links.size]).toEqual([0, 0]);
});

it("finds out that somebody else is there", async () => {
  const { id } = alice.certificate;
  await expect(asking.greet(address, id, soon())).rejects.toMatchObject({ code: "peer-mismatch", reason: "handshake" });
});

it("dials anew each time, also what refused a moment ago", async () => {
  const closed = loneStack(bob);
  const bound = await closed.listen({ host: "127.0.0.1", port: 0 });
  const { id } = bob.certificate;
  await bound.close();
  for (const _ of "twice") {
    const greeted = asking.greet(formatAddress(bound.address), id, soon());
    await expect(greeted).rejects.toMatchObject({ reason: "refused" });
  }
  await closed[Symbol.asyncDispose]();
});

it("a dialled member hears by which way a call came", async () => {
  const heard: unknown[] = [];
  const [there, here] = [new Protocols(), new Protocols()];
  for (const protocols of [there, here])
    protocols.register({
      kind: "call",
      id: "where",
      limits: { bytesMax: 16, openPerPeerMax: 1 },
      onCall: async (_peer, body, _signal, path) => {
        heard.push(path);
        return body;
      },
    });
  await using far = loneStack(bob, { protocols: there });
  await using near = loneStack(alice, { protocols: here });
  const bound = await far.listen({ host: "127.0.0.1", port: 0 });
  const session = await near.links.reach({ addresses: [formatAddress(bound.address)] }, soon());
  await session.call("where", new Uint8Array(1), soon());
  expect(heard).toMatchObject([{ kind: "reversed", direction: "accepted", address: { host: "127.0.0.1" } }]);
});
