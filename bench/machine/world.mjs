/**
 * What surrounds one machine in a bench: certificates, notes and accusations by the number of a member, and verdicts. Signatures
 * cost nothing here, and all are right but those that `lies` makes: the machine alone is measured.
 */
import * as crypto from "node:crypto";
import { encodeAccusation, encodeNote, encodeStatement, LAN, Machine, TrustedClock } from "../../dist/gossip/index.js";
import { fromHex, fullMask, memberIdFromBytes, toHex } from "../../dist/rings/index.js";

/** As many bytes as a certificate of ours has. */
const LEAF_BYTES = 600;
/** Of notes in the beginning. */
export const EPOCH = 7n;

export const sha256 = crypto.hash
  ? (data) => crypto.hash("sha256", data, "buffer")
  : (data) => crypto.createHash("sha256").update(data).digest();

const bytes = (text) => new TextEncoder().encode(text);
const none = new Uint8Array(0);
const signature = new Uint8Array(64);
const lie = new Uint8Array(64).fill(1);
const members = new Map();
const keyOf = (leaf) => Buffer.from(leaf.buffer, leaf.byteOffset, 24).toString("latin1");

/** The certificate of the member with this number, which verdicts know from now on. */
export function certificateOf(number) {
  const leaf = bytes(`member ${number} `.padEnd(LEAF_BYTES, "."));
  const id = memberIdFromBytes(sha256(bytes(`id ${number}`)));
  const facts = {
    id,
    leaf,
    issuer: bytes("issuer"),
    hash: toHex(sha256(leaf)),
    notBefore: 0,
    notAfter: 1e15,
    serial: 1n,
  };
  members.set(keyOf(leaf), facts);
  return facts;
}

export function noteOf(certificate, number, rings, epoch = EPOCH, leaving = false) {
  const text = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}:7000`;
  const addresses = [1, 2].map((transport) => ({ transport, text }));
  const facts = { id: certificate.id, certificate: certificate.hash, epoch, leaving, addresses, metadata: none };
  const note = { ...facts, mask: fullMask(rings), agreementKey: new Uint8Array(32) };
  return { ...note, body: encodeNote(note, fromHex(certificate.hash)), signature };
}

export const certificateStatement = (certificate) => encodeStatement({ kind: "certificate", chain: certificate });
export const noteStatement = (...facts) => encodeStatement({ kind: "note", note: noteOf(...facts) });

/** A note whose signature is false, as `verdictOf` finds out. */
export const falseNote = (...facts) => encodeStatement({ kind: "note", note: { ...noteOf(...facts), signature: lie } });

/** By `accuser`, on ring 1. */
export function accusationStatement(accuser, accused, epoch = EPOCH) {
  const accusation = { accuser: accuser.id, certificate: accuser.hash, accused, ring: 1, epoch };
  const body = encodeAccusation(accusation, fromHex(accuser.hash));
  return encodeStatement({ kind: "accusation", accusation: { ...accusation, body, signature } });
}

/** What a driver would find out about a check. */
export function verdictOf(check) {
  if (check.kind === "certificate") return { ok: true, certificate: members.get(keyOf(check.chain.leaf)) };
  return check.signature[0] === lie[0] ? { ok: false, reason: "signature" } : { ok: true };
}

function seededRandom() {
  let state = 1;
  const number = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return { number, nonce: () => BigInt(Math.floor(number() * 2 ** 32)) };
}

/** A machine with LAN settings that has started at 0; from a shared view, or alone. */
export function machineOf(certificate, number, rings, shared) {
  const { addresses } = noteOf(certificate, number, rings);
  const ports = { sha256, random: seededRandom(), sign: () => signature, clock: new TrustedClock(() => 1e6) };
  const facts = { certificate, ringCount: rings, settings: LAN, ports, savedMark: 0n, metadata: none, addresses };
  const machine = new Machine({ ...facts, agreementKey: new Uint8Array(32), contacts: [], known: [], shared });
  machine.start(0);
  machine.takeOutputs();
  return machine;
}
