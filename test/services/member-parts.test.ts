/** Kinds of services that are parts of the member itself, with real members: what they do, and what their figures say. */
import { once } from "node:events";
import { expect, it } from "vitest";
import { AddressSpaces, RdvClient } from "../../rdv/index.js";
import { RDV } from "../../services/controllers/member-parts.js";
import { OfflineNetwork } from "../support/network.js";

const REPORT = { event: () => {}, failed: () => {} };

it("a service of kind rdv counts who is there, the bytes that pass, also while they do, and says whom it refused", async () => {
  await using network = await OfflineNetwork.create();
  const member = await network.start();
  const running = await RDV.start(member, { serves: "all" }, REPORT);
  expect(running.at).toBe(member.address);
  expect(running.figures()).toEqual({ streams: 0, bytesIn: 0, bytesOut: 0, lastError: undefined });
  const client = new RdvClient({ addressSpaces: AddressSpaces.none, timeoutMs: 20_000 });
  const url = `http://${member.address}/`;
  const waiting = client.accept(url, "token");
  while (running.figures().streams === 0) await new Promise((done) => setImmediate(done));
  const [dialer, accepter] = await Promise.all([client.dial(url, "token"), waiting]);
  dialer.write("hello");
  await once(accepter, "data");
  expect(running.figures()).toMatchObject({ streams: 1, bytesIn: 5, bytesOut: 5 });
  expect(member.info().rdv).toMatchObject({ serves: "all", pairs: 1, met: 1, bytes: 5, refused: 0 });
  for (const conn of [dialer, accepter]) conn.on("error", () => {}).destroy();
  while (running.figures().streams > 0) await new Promise((done) => setImmediate(done));
  await running.stop();
  expect(member.info().rdv).toMatchObject({ serves: false, bytes: 0 });

  const again = await RDV.start(member, {}, REPORT);
  await expect(client.dial(url, "token")).rejects.toMatchObject({ response: { status: 403 } });
  expect(again.figures().lastError).toMatchObject({
    code: "rdv-handshake",
    message: "A client was refused: for members of this network, who prove it.",
  });
  expect(member.info().rdv.refused).toBe(1);
  await again.stop();
});
