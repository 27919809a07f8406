/** A member in a process of its own that answers calls with what they bring. Its identity comes by the first message. */
import { createPrivateKey } from "node:crypto";
import { verifyMemberCertificate } from "../../dist/identity/index.js";
import { Protocols, SessionHost, tcpTransport } from "../../dist/net/index.js";

process.once("message", async ({ leaf, issuer, root, key }) => {
  const [chain, own] = [{ leaf: bytes(leaf), issuer: bytes(issuer) }, bytes(root)];
  const { certificate } = verifyMemberCertificate(chain, { root: own, now: Date.now() });
  const identity = { certificate, privateKey: createPrivateKey(key), root: own };
  const protocols = new Protocols();
  const limits = { bytesMax: 1024, openPerPeerMax: 8 };
  protocols.register({ kind: "call", id: "probe", limits, onCall: async (_, body) => body });
  const host = new SessionHost({ identity: () => identity, now: Date.now, admit: () => undefined, protocols });
  const at = { host: "127.0.0.1", port: 0 };
  const { address } = await tcpTransport().listen(at, (connection, from) => host.accept(connection, from));
  process.send({ address });
});

function bytes(text) {
  return new Uint8Array(Buffer.from(text, "base64"));
}
