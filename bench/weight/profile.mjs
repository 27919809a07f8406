/** Where the CPU time of this process goes: samples of V8's profiler, by what was running. */
import { Session } from "node:inspector/promises";

/** The first that matches counts; matched against the function and its file. Functions of OpenSSL and libuv have no file. */
const KINDS = [
  ["garbage collection", /^\(garbage collector\)/],
  ["idle", /^\(idle\)/],
  [
    "TLS: handshakes and records",
    /js_stream_socket|_tls_wrap|internal\/tls|^(readBuffer|getPeerCertificate|init|start|setCert|setKey) $/,
  ],
  ["HTTP/2", /internal\/http2|net\/session\//],
  ["datagrams", /node:dgram|net\/pings\/|^Hmac|socketaddress|blocklist/],
  ["signatures, keys, digests", /internal\/crypto|identity\/|asn1js|pkijs|^(run|oneShotDigest) $/],
  ["the protocol's machine", /\/dist\/(gossip|rings)\//],
  [
    "streams, events, timers, promises",
    /node:(internal\/(streams|timers|process|per_context|abort)|events|net)|abort_controller/,
  ],
  [
    "the system: files and sockets",
    /^(openFileHandle|fsync|close|lstat|writeBuffer|writev|finishWrite|connect|send|rename|unlink) $/,
  ],
  ["the client", /\/dist\/(client|net)\//],
];

/** Runs `work`; resolves to its result and to seconds by kind, the largest first. */
export async function profiled(work) {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.start");
  const result = await work();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  return { result, kinds: byKind(profile) };
}

function byKind({ nodes, samples, timeDeltas }) {
  const kinds = new Map(nodes.map(({ id, callFrame }) => [id, kindOf(callFrame)]));
  const seconds = {};
  for (const [index, id] of samples.entries()) {
    const kind = kinds.get(id);
    seconds[kind] = (seconds[kind] ?? 0) + timeDeltas[index] / 1e6;
  }
  return Object.entries(seconds).toSorted(([, a], [, b]) => b - a);
}

function kindOf({ functionName, url }) {
  const text = `${functionName} ${url}`;
  return KINDS.find(([, pattern]) => pattern.test(text))?.[0] ?? "else";
}
