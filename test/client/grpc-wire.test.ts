/** What members speak is gRPC: a program with nothing but grpc-js and a member's certificate asks one. */
import { ChannelCredentials, Client as GrpcClient, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Packet } from "../../client/generated/fireflies.js";
import { certificatesToPem, privateKeyToPem } from "../../identity/index.js";
import { OfflineNetwork, type TestClient } from "../support/network.js";

let network: OfflineNetwork;
let alice: TestClient;
let client: GrpcClient;

beforeAll(async () => {
  const made = await OfflineNetwork.of(1);
  network = made.network;
  [alice] = made.clients as [TestClient];
  const { certificate, privateKey } = await network.authority.member();
  const { leaf, issuer } = certificate;
  const root = Buffer.from(certificatesToPem(network.authority.root));
  const [key, chain] = [privateKeyToPem(privateKey), certificatesToPem(leaf, issuer)].map((pem) => Buffer.from(pem));
  // Members are named by id, not by host: the id is in the certificate, which the handshake proves.
  const credentials = ChannelCredentials.createSsl(root, key, chain, { checkServerIdentity: () => undefined });
  client = new GrpcClient(alice.address, credentials, { "grpc.ssl_target_name_override": "member" });
});
afterAll(async () => {
  client.close();
  await network[Symbol.asyncDispose]();
});

function call(path: string): Promise<Packet> {
  return new Promise((resolve, reject) => {
    const encode = (packet: Packet) => Buffer.from(Packet.encode(packet).finish());
    const request = { body: new Uint8Array() };
    client.makeUnaryRequest(path, encode, Packet.decode, request, { deadline: Date.now() + 10_000 }, (error, answer) =>
      error ? reject(error) : resolve(answer!),
    );
  });
}

describe("a plain gRPC client with a member's certificate", () => {
  it("is answered with a fingerprint of the view", async () => {
    const { body } = await call("/fireflies.v1.Overlay/probe");
    expect(Buffer.from(body).toString("hex")).toBe(alice.info().fingerprint);
  });

  it("is told UNIMPLEMENTED of what nobody speaks", async () => {
    const error: ServiceError = await call("/fireflies.v1.Overlay/nonesuch").then(
      () => undefined,
      (thrown) => thrown,
    );
    expect([error.code, error.details.split(":")[0]]).toEqual([status.UNIMPLEMENTED, "protocol-unknown"]);
  });
});
