/** `identify`: whose certificate it is that somebody has shown on another port, judged as between members. */
import { expect, it } from "vitest";
import { loadIdentity } from "../../identity/index.js";
import { OfflineNetwork, OnlineNetwork, until } from "../support/network.js";
import { DAY_MS, TestNetwork } from "../support/test-network.js";

it("knows members of its network, whether they run or not, and nobody else", async () => {
  await using network = await OfflineNetwork.create();
  const ann = await network.start();
  const ops = await network.authority.member({ name: "ops" });
  const { id, leaf, issuer } = ops.certificate;
  expect(ann.identify(leaf, issuer)).toEqual({ id, name: "ops" });
  const other = await (await TestNetwork.create()).member({ name: "ops" });
  expect(ann.identify(other.certificate.leaf, other.certificate.issuer)).toBeUndefined();
  expect(ann.identify(leaf, other.certificate.issuer)).toBeUndefined();
  expect(ann.identify(leaf.subarray(0, 100), issuer)).toBeUndefined();
  const [now, at] = [Date.now(), Date.now() - 2 * DAY_MS];
  const ended = await network.authority.member({
    validity: { notBefore: now - 3 * DAY_MS, notAfter: now - DAY_MS },
    at,
  });
  expect(ann.identify(ended.certificate.leaf, ended.certificate.issuer)).toBeUndefined();
});

it("knows a revoked one no longer, once the list is there", { timeout: 60_000 }, async () => {
  await using network = await OnlineNetwork.create();
  const dir = network.directory();
  const eve = await network.start({ dir, ...network.named("eve") });
  const certificate = (await loadIdentity(dir, { now: Date.now() }))?.certificate;
  const { leaf, issuer } = certificate!;
  const ann = await network.start(network.named("ann"));
  expect(ann.identify(leaf, issuer)).toEqual({ id: eve.id, name: "eve" });
  await network.authority.operator.revokePrincipal("eve");
  await network.start(network.named("bob")); // Whoever starts asks for the list at once.
  await until(ann, () => !ann.ids.includes(eve.id));
  expect(ann.identify(leaf, issuer)).toBeUndefined();
});
