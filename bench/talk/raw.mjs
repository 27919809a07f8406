/**
 * A process with grpc-js as its users write it, bytes in and out, its settings untouched: mutual TLS 1.3, P-256
 * certificates. One unary method, the same with request and reply signed, one bidirectional stream.
 */
import { createPrivateKey, sign, verify, X509Certificate } from "node:crypto";
import { ChannelCredentials, Client, Metadata, Server, ServerCredentials } from "@grpc/grpc-js";
import { PEER_NAME } from "./certificates.mjs";
import { answer } from "./child.mjs";
import { download, load, serve, upload } from "./load.mjs";

const asItIs = (bytes) => bytes;
const serializers = {
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
};
const PATH = { echo: "/bench/echo", signed: "/bench/signed", stream: "/bench/stream" };
const METHODS = {
  echo: { path: PATH.echo, requestStream: false, responseStream: false, ...serializers },
  signed: { path: PATH.signed, requestStream: false, responseStream: false, ...serializers },
  stream: { path: PATH.stream, requestStream: true, responseStream: true, ...serializers },
};
const SIGNATURE_BYTES = 64;

let client;
let ownKey;
let peerKey;

function useKeys({ key, peer }) {
  ownKey = { key: createPrivateKey(key), dsaEncoding: "ieee-p1363" };
  peerKey = { key: new X509Certificate(peer).publicKey, dsaEncoding: "ieee-p1363" };
}

function signed(data) {
  return Buffer.concat([sign("sha256", data, ownKey), data]);
}

function verified(message) {
  const data = message.subarray(SIGNATURE_BYTES);
  if (!verify("sha256", data, peerKey, message.subarray(0, SIGNATURE_BYTES))) throw new Error("wrong signature");
  return data;
}

const pem = (text) => Buffer.from(text);

answer({
  async listen(keys) {
    useKeys(keys);
    const pair = { private_key: pem(keys.key), cert_chain: pem(keys.certificate) };
    const server = new Server();
    server.addService(METHODS, {
      echo: (call, callback) => callback(null, call.request),
      signed: (call, callback) => callback(null, signed(verified(call.request))),
      stream: serve,
    });
    const credentials = ServerCredentials.createSsl(pem(keys.root), [pair], true);
    return await new Promise((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", credentials, (error, port) => (error ? reject(error) : resolve(port)));
    });
  },

  async connect({ port, ...keys }) {
    useKeys(keys);
    const credentials = ChannelCredentials.createSsl(pem(keys.root), pem(keys.key), pem(keys.certificate));
    client = new Client(`127.0.0.1:${port}`, credentials, { "grpc.ssl_target_name_override": PEER_NAME });
    await new Promise((resolve, reject) => {
      client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve()));
    });
  },

  messages({ bytes, inFlight, ms, signed: isSigned = false }) {
    const data = Buffer.alloc(bytes, 7);
    const call = (path, message) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, asItIs, asItIs, message, (error, reply) => {
          if (error) reject(error);
          else resolve(reply);
        });
      });
    const one = isSigned ? async () => verified(await call(PATH.signed, signed(data))) : () => call(PATH.echo, data);
    return load(one, { inFlight, ms });
  },

  up: (options) => upload(open(), options),
  down: (options) => download(open(), options),
});

function open() {
  return client.makeBidiStreamRequest(PATH.stream, asItIs, asItIs, new Metadata(), {});
}
