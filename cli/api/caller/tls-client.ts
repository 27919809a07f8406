/** TLS to an agent elsewhere: it proves by its certificate that it is a member of the network, or the one that is named. */
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import {
  certificatesFromPem,
  certificatesToPem,
  dateProblem,
  FirefliesError,
  type Identity,
  loadIdentity,
  type MemberCertificate,
  type NetworkConstants,
  privateKeyToPem,
  readChain,
  sameNetwork,
} from "../../../identity/index.js";
import { readInput } from "../../input-file.js";
import { API_ALPN } from "../alpn.js";
import { type AgentPlace, away, connected, endpointOf } from "../place.js";

export interface TlsCall {
  readonly url: URL;
  readonly place: AgentPlace;
  readonly timeoutMs: number;
}

/** Nothing is sent before the other end is proven. Rejects with "agent-unreachable", "agent-forbidden" or "identity-...". */
export async function connectTls({ url, place, timeoutMs }: TlsCall): Promise<TLSSocket> {
  const identity = await loadIdentity(place.dir, { now: Date.now() });
  const root = place.apiRoot === undefined ? identity?.root : await rootOf(place.apiRoot);
  if (root === undefined) {
    throw new FirefliesError("identity-missing", `${place.dir} holds no identity to call ${url.host} with.`, {
      advice: "Give --dir of a member of its network; or --api-token-file, and its root certificate as --api-root.",
    });
  }
  const socket = tlsConnect({
    ...endpointOf(url),
    ...own(identity),
    ...{ ALPNProtocols: [API_ALPN], minVersion: "TLSv1.3", rejectUnauthorized: false, ca: [] },
    checkServerIdentity: () => undefined,
  });
  await connected(socket, timeoutMs, async (cause) => away(place, cause), "secureConnect");
  const problem = problemOf(socket, { root, network: identity?.certificate, wanted: decodeURIComponent(url.username) });
  if (problem === undefined) return socket;
  socket.destroy();
  throw new FirefliesError("agent-forbidden", `What answers at ${url.host} is not the agent: ${problem}.`, {
    advice: "Check the address, and that both belong to one network. Nothing was sent.",
  });
}

function own(identity: Identity | undefined) {
  if (identity === undefined) return {};
  const { certificate, privateKey } = identity;
  return { cert: certificatesToPem(certificate.leaf, certificate.issuer), key: privateKeyToPem(privateKey) };
}

async function rootOf(file: string): Promise<Uint8Array | undefined> {
  return certificatesFromPem((await readInput(file)).toString("utf8"))?.[0];
}

interface Expected {
  readonly root: Uint8Array;
  /** Of the caller; undefined where it has no identity. */
  readonly network: NetworkConstants | undefined;
  /** An id, the beginning of one, or a name; "" for any member. */
  readonly wanted: string;
}

function problemOf(socket: TLSSocket, { root, network, wanted }: Expected): string | undefined {
  if (socket.alpnProtocol !== API_ALPN) return "it speaks another protocol";
  const peer = peerOf(socket, root);
  if (typeof peer === "string") return peer;
  if (network !== undefined && !sameNetwork(peer, network)) return "it is a member of another network";
  const word = wanted.toLowerCase();
  const isWanted = word === "" || peer.id.startsWith(word) || peer.name?.toLowerCase() === word;
  return isWanted ? undefined : `it is ${peer.name ?? peer.id}`;
}

/** The member at the other end of a finished handshake, or why it is none. */
function peerOf(socket: TLSSocket, root: Uint8Array, now = Date.now()): MemberCertificate | string {
  const leaf = socket.getPeerCertificate(true);
  const issuer = leaf?.issuerCertificate;
  if (leaf?.raw === undefined || issuer?.raw === undefined) return "it has shown no certificate";
  const verdict = readChain({ leaf: new Uint8Array(leaf.raw), issuer: new Uint8Array(issuer.raw) }, root);
  if (!verdict.ok) return `its certificate is refused (${verdict.reason})`;
  const problem = dateProblem(verdict.certificate, now);
  return problem === undefined ? verdict.certificate : `its certificate is refused (${problem})`;
}
