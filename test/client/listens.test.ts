/** A member that listens in several ways: over real sockets, with members that have only one of them. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect, it } from "vitest";
import { certificatesToPem, privateKeyToPem } from "../../identity/index.js";
import { codeOf, OfflineNetwork, read, text, whole } from "../support/network.js";

it("is reached by each of them, and says so in its note", async () => {
  await using network = await OfflineNetwork.create();
  const both = await network.start({ listen: ["127.0.0.1:0", "ws://127.0.0.1:0"] });
  const [tcp, ws] = both.info().advertised;
  expect([tcp, ws]).toEqual([
    expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+$/),
  ]);
  const byTcp = await network.start({ entryAddrs: [tcp!] });
  const byWs = await network.start({ listen: "ws://127.0.0.1:0", entryAddrs: [ws!] });
  await whole([both, byTcp, byWs]);
  for (const client of [both, byTcp, byWs]) client.registerMessageHandler((data) => data);
  for (const from of [both, byTcp, byWs]) {
    const others = [both, byTcp, byWs].filter((other) => other !== from);
    for (const { id } of others) expect(read(await from.sendToId(id, text("here")))).toBe("here");
  }
  expect(byTcp.member(both.id)?.addresses).toEqual([tcp, ws]);
  expect(byTcp.member(byWs.id)?.address).toMatch(/^ws:/);
});

it("starts with all of them or none", async () => {
  await using network = await OfflineNetwork.create();
  const first = await network.start({ listen: "ws://127.0.0.1:0" });
  const taken = first.address;
  const second = await network.member({ listen: ["127.0.0.1:0", taken] });
  expect(await codeOf(second.start())).toBe("address-in-use");
  const third = await network.member({ listen: ["127.0.0.1:0", "ws://127.0.0.1:0/elsewhere"] });
  expect(await codeOf(third.start())).toBe("address-invalid");
});

it("over one UDP port: reliable UDP beside pings, and TCP where both work", async () => {
  await using network = await OfflineNetwork.create();
  const both = await network.start({ listen: ["127.0.0.1:0", "udx://127.0.0.1:0"] });
  const [tcp, udx] = both.info().advertised;
  expect([tcp, udx]).toEqual([
    expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    expect.stringMatching(/^udx:\/\/127\.0\.0\.1:\d+$/),
  ]);
  const byTcp = await network.start({ entryAddrs: [tcp!] });
  const byUdx = await network.start({ listen: "udx://127.0.0.1:0", entryAddrs: [udx!] });
  const all = [both, byTcp, byUdx];
  await whole(all);
  for (const client of all) client.registerMessageHandler((data) => data);
  for (const from of all)
    for (const { id } of all.filter((other) => other !== from))
      expect(read(await from.sendToId(id, text("here")))).toBe("here");
  // Streams, pings and dials have one port; so a member that has it alone is pinged there.
  expect(byTcp.member(byUdx.id)?.address).toMatch(/^udx:/);
  expect((await byTcp.ping(byUdx.id)).udpMs).toBeGreaterThan(0);
});

it("takes the port that is said for UDP also for reliable UDP", async () => {
  await using network = await OfflineNetwork.create();
  const first = await network.start({ listen: ["127.0.0.1:0", "udx://127.0.0.1:0"] });
  const taken = first.info().advertised[1]!;
  const second = await network.member({ listen: ["127.0.0.1:0", taken] });
  expect(await codeOf(second.start())).toBe("address-in-use");
});

it("listens at wss: with the certificate that it is given, and says which file cannot be read", async () => {
  await using network = await OfflineNetwork.create();
  const { certificate, privateKey } = await network.authority.member();
  const dir = mkdtempSync(join(tmpdir(), "ff-wss-"));
  const [wssCert, wssKey] = [join(dir, "cert.pem"), join(dir, "key.pem")];
  writeFileSync(wssCert, certificatesToPem(certificate.leaf, certificate.issuer));
  writeFileSync(wssKey, privateKeyToPem(privateKey), { mode: 0o600 });
  const within = await network.start({ listen: "wss://127.0.0.1:0", wssCert, wssKey });
  expect(within.address).toMatch(/^wss:/);
  const socket = connect({ port: Number(within.address.split(":")[2]), rejectUnauthorized: false });
  await once(socket, "secureConnect");
  expect(socket.getPeerX509Certificate()?.raw.equals(Buffer.from(certificate.leaf))).toBe(true);
  socket.destroy();
  const refusals = [
    [{}, "address-invalid"],
    [{ wssCert, wssKey: join(dir, "missing") }, "config-unreadable"],
    [{ wssCert, wssKey: wssCert }, "key-file-permissions"],
  ] as const;
  for (const [options, code] of refusals) {
    const refused = await network.member({ listen: "wss://127.0.0.1:0", ...options });
    expect(await codeOf(refused.start())).toBe(code);
  }
  rmSync(dir, { recursive: true });
});
