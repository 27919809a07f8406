/** The sessions' contract, over each transport. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { expect, it } from "vitest";
import { certificatesToPem, privateKeyToPem } from "../../identity/index.js";
import { type Bound, MemoryNetwork, tcpTransport, udxTransport, wsTransport } from "../../net/index.js";
import { TestNetwork } from "../support/test-network.js";
import { sessionContract } from "./session-contract.js";
import { Scene } from "./session-scene.js";

sessionContract("TCP", { create: tcpTransport, host: "127.0.0.1" });
sessionContract("WebSocket", { create: wsTransport, host: "127.0.0.1" });
sessionContract("UDX", { create: udxTransport, host: "127.0.0.1" });
sessionContract("memory", {
  create: () => new MemoryNetwork().transport("here"),
  host: "member",
});

it("a handshake that is cut without a word is no refusal: who refuses says why", async () => {
  const network = await TestNetwork.create();
  const { certificate, privateKey } = await network.member();
  const cert = certificatesToPem(certificate.leaf, certificate.issuer);
  const options = {
    key: privateKeyToPem(privateKey),
    cert,
    ALPNProtocols: ["h2"],
    requestCert: true,
    rejectUnauthorized: false,
  };
  const server = createServer(options, (socket) => socket.destroy()).listen(0, "127.0.0.1");
  const scene = new Scene({ create: tcpTransport, host: "127.0.0.1" });
  try {
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const bound = { address: { scheme: "tcp", host: "127.0.0.1", port } } as Bound;
    const alice = scene.member(await network.member());
    const cut = { code: "peer-unreachable", message: expect.stringContaining("without a word") };
    await expect(scene.connect(alice, bound)).rejects.toMatchObject(cut);
  } finally {
    server.close();
    await scene.close();
  }
});
