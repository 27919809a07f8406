/** That sessions speak gRPC: pieces as the schema has them, and grpc-js at either end. */
import { once } from "node:events";
import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { Chunk, OverlayService, Packet } from "../../client/generated/fireflies.js";
import { certificatesToPem, type Identity, privateKeyToPem } from "../../identity/index.js";
import { tcpTransport } from "../../net/index.js";
import { calledBy, requestHeaders } from "../../net/session/headers.js";
import {
  decodePacket,
  decodePiece,
  END_IN_ORDER,
  encodeData,
  encodeEnd,
  encodeOpen,
  OPENED,
  PREFIX_BYTES,
} from "../../net/session/pieces.js";
import { TestNetwork } from "../support/test-network.js";
import { bytes, codeOf, endOf, Scene, soon } from "./session-scene.js";

const bodyOf = (message: Buffer) => {
  expect([message[0], message.readUInt32BE(1)]).toEqual([0, message.length - PREFIX_BYTES]);
  return message.subarray(PREFIX_BYTES);
};

describe("a piece", () => {
  it.each([0, 1, 127, 128, 129, 16_383, 16_384, 2_097_151, 2_097_152])(
    "with %i bytes of data is what proto/fireflies.proto says",
    (size) => {
      const value = new Uint8Array(size).fill(7);
      const body = bodyOf(encodeData(value));
      expect(body.equals(Chunk.encode({ content: { $case: "data", value } }).finish())).toBe(true);
      const piece = decodePiece(body);
      if (piece?.kind !== "data") throw new Error("not data");
      expect(Buffer.compare(piece.data, value)).toBe(0);
      expect(Buffer.compare(decodePacket(body), value)).toBe(0);
      // Applications are promised a Uint8Array: a Buffer's slice would share memory.
      expect([Buffer.isBuffer(piece.data), Buffer.isBuffer(decodePacket(body))]).toEqual([false, false]);
      expect(Packet.decode(body).body.length).toBe(size);
    },
  );

  it.each([
    { made: END_IN_ORDER, content: { $case: "end", value: { code: "", text: "" } } },
    { made: encodeEnd("stream-reset", "why"), content: { $case: "end", value: { code: "stream-reset", text: "why" } } },
    { made: OPENED, content: { $case: "opened", value: {} } },
    {
      made: encodeOpen("probe", 1500),
      content: { $case: "open", value: { protocol: "probe", timeoutMs: 1500, name: "", trace: "" } },
    },
    {
      made: encodeOpen("stream", 0, "/chat/1.0"),
      content: { $case: "open", value: { protocol: "stream", timeoutMs: 0, name: "/chat/1.0", trace: "" } },
    },
  ] as const)("of kind $content.$case is what proto/fireflies.proto says", ({ made, content }) => {
    const body = bodyOf(made);
    expect(Chunk.decode(body).content).toEqual(content);
    expect(decodePiece(body)).toEqual({ kind: content.$case, ...content.value });
  });

  it("that a later version made is read as far as it is known", () => {
    expect(decodePiece(Buffer.alloc(0))).toBeUndefined();
    expect(decodePiece(Buffer.from([0x78, 1]))).toBeUndefined();
    const data = bodyOf(encodeData(bytes(1, 2)));
    expect(decodePiece(Buffer.concat([data, Buffer.of(0x78, 1)]))).toEqual({ kind: "data", data: bytes(1, 2) });
    expect(decodePacket(Buffer.of(0x78, 1))).toEqual(bytes());
    for (const bad of [[0x0a], [0x0a, 3, 1, 2], [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff], [0x12, 5, 0x0a]]) {
      expect(() => decodePiece(Buffer.from(bad))).toThrow();
    }
  });
});

describe("headers", () => {
  it.each([0, 1, 999, 60_000, 99_999_000, 5e9, 2 ** 31])("carry a time of %i ms, and a little more", (timeoutMs) => {
    const { ":path": _path, ...headers } = requestHeaders("probe", timeoutMs);
    const called = calledBy({ ...headers, ":path": "/fireflies.v1.Overlay/probe" } as never);
    if (typeof called === "string") throw new Error(called);
    expect(called.protocol).toBe("probe");
    expect(called.timeoutMs).toBeGreaterThan(timeoutMs);
    expect(called.timeoutMs).toBeLessThan(timeoutMs * 1.001 + 2_000);
  });

  it("of others are read: their units, and what is no time", () => {
    const timeoutOf = (text: string | undefined) => {
      const called = calledBy({ ":method": "POST", "content-type": "application/grpc", "grpc-timeout": text });
      return typeof called === "string" ? called : called.timeoutMs;
    };
    expect(["2H", "3M", "4S", "5m", "6000u"].map(timeoutOf)).toEqual([7_200_000, 180_000, 4_000, 5, 6]);
    for (const none of [undefined, "", "5", "123456789S", "-1S"])
      expect(timeoutOf(none)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("grpc-js", () => {
  let [aliceId, bobId]: Identity[] = [];
  beforeAll(async () => {
    const network = await TestNetwork.create();
    [aliceId, bobId] = [await network.member(), await network.member()];
  });
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  const filesOf = ({ certificate, privateKey }: Identity) => ({
    private_key: Buffer.from(privateKeyToPem(privateKey)),
    cert_chain: Buffer.from(certificatesToPem(certificate.leaf, certificate.issuer)),
  });
  function scene(): Scene {
    const made = new Scene({ create: tcpTransport, host: "127.0.0.1" });
    closing.push(() => made.close());
    return made;
  }

  /** A member's key and certificate; the other's is not checked, as grpc-js knows our rules as little as OpenSSL does. */
  function credentialsOf(identity: Identity): ChannelCredentials {
    const { private_key, cert_chain } = filesOf(identity);
    return credentials.createSsl(Buffer.from(certificatesToPem(identity.root)), private_key, cert_chain, {
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
  }

  it("calls and opens streams at a host of ours", async () => {
    const stage = scene();
    const bob = stage.member(bobId!);
    const { address } = await stage.listen(bob);
    const client = new Client(`127.0.0.1:${address.port}`, credentialsOf(aliceId!));
    closing.push(() => client.close());
    const { exchange, stream } = OverlayService;
    const ask = (body: Uint8Array) =>
      new Promise<Packet | ServiceError | undefined | null>((resolve) => {
        const { path, requestSerialize, responseDeserialize } = exchange;
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { body }, (error, answer) =>
          resolve(error ?? answer),
        );
      });
    expect(await ask(bytes(1, 2))).toMatchObject({ body: Buffer.from([1, 2]) });
    bob.refusal = "removed";
    expect(await ask(bytes(1))).toMatchObject({ code: 7, details: expect.stringMatching(/^peer-refused: .*removed/) });
    bob.refusal = undefined;
    const call = client.makeBidiStreamRequest(
      stream.path,
      stream.requestSerialize,
      stream.responseDeserialize,
      new Metadata(),
    );
    call.write({ content: { $case: "data", value: bytes(7) } });
    const { duplex } = await bob.nextDuplex();
    const [chunk] = await once(duplex, "data");
    expect(chunk).toEqual(bytes(7));
    duplex.write(bytes(8));
    const [piece] = await once(call, "data");
    expect(piece.content).toEqual({ $case: "data", value: Buffer.from([8]) });
    call.write({ content: { $case: "end", value: { code: "", text: "" } } });
    duplex.end();
    const status = once(call, "status");
    call.on("data", () => {});
    call.end();
    expect((await status)[0].code).toBe(0);
  });

  it("is called by a session of ours, and has its streams opened", async () => {
    const server = new Server();
    const handlers = {
      exchange: (call: ServerUnaryCall<Packet, Packet>, answer: sendUnaryData<Packet>) => answer(null, call.request),
      stream: (call: ServerDuplexStream<Chunk, Chunk>) => call.on("data", (piece: Chunk) => call.write(piece)),
    };
    server.addService(OverlayService, handlers as never);
    const tls = ServerCredentials.createSsl(Buffer.from(certificatesToPem(bobId!.root)), [filesOf(bobId!)], false);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", tls, (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    closing.push(() => server.forceShutdown());
    const stage = scene();
    const address = { scheme: "tcp", host: "127.0.0.1", port };
    const session = await stage.connect(stage.member(aliceId!), { address, close: async () => {} });
    expect(session.peer.id).toBe(bobId!.certificate.id);
    expect(await session.call("exchange", bytes(1, 2, 3), soon())).toEqual(bytes(1, 2, 3));
    expect(await codeOf(session.call("probe", bytes(), soon()))).toBe("protocol-unknown");
    const duplex = session.open("stream");
    duplex.write(bytes(5));
    const [echoed] = await once(duplex, "data");
    expect(echoed).toEqual(bytes(5));
    const end = endOf(duplex);
    server.forceShutdown();
    expect(await end).toEqual(["link-closed"]);
  });
});
