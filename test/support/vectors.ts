/** The test vectors of docs/protocol.md, made anew: a name and bytes each. */

import { encodeContent } from "../../client/messages/content.js";
import { serviceExtension } from "../../client/messages/service.js";
import { namesExtensions } from "../../client/offers/names.js";
import { encodeAccusation } from "../../gossip/records/accusation.js";
import { encodeInterest } from "../../gossip/records/interest.js";
import { encodeNote, type Note } from "../../gossip/records/note.js";
import { encodePacket } from "../../gossip/records/packet.js";
import { RecordTree } from "../../gossip/records/record-tree.js";
import { encodeRevocationList } from "../../gossip/records/revocation.js";
import { encodeStatement, parseStatement, recordDigest } from "../../gossip/records/statement.js";
import { encodeNetwork, factsOf } from "../../identity/certificates/extension.js";
import { signedBytes } from "../../identity/keys/signature.js";
import { DATAGRAM_BYTES, encodeDatagram } from "../../net/pings/codec.js";
import {
  encodeExtensions,
  fromHex,
  fullMask,
  memberIdFromBytes,
  memberIdToBytes,
  position,
  toHex,
  withRing,
} from "../../rings/index.js";
import { sha256 } from "./gossip/authority.js";

const text = (value: string) => new TextEncoder().encode(value);
const times = (byte: number, count: number) => new Uint8Array(count).fill(byte);
const a = memberIdFromBytes(Uint8Array.from({ length: 32 }, (_, index) => index));
const b = memberIdFromBytes(Uint8Array.from({ length: 32 }, (_, index) => 32 + index));
const certificate = times(0xaa, 32);
const network = times(0xdd, 32);
const signature = times(0xcc, 64);

const note: Note = {
  id: a,
  certificate: toHex(certificate),
  epoch: 5n,
  leaving: false,
  mask: withRing(fullMask(9), 3, false),
  agreementKey: times(0xbb, 32),
  addresses: [
    { transport: 1, text: "example.org:4001" },
    { transport: 2, text: "example.org:4001" },
  ],
  metadata: text("hi"),
};
const constants = { networkId: network, ringCount: 9, deltaMs: 1500 };
const extensions = [
  { type: 1, data: text("hi") },
  { type: 300, data: new Uint8Array(0) },
];
const question = { kind: "message", id: 7, deadlineMs: 5000, payload: text("hi"), extensions } as const;
const addressed = { ...question, extensions: [serviceExtension("inventory")] };
const offering = { ...note, extensions: namesExtensions(["inventory", "/chat/1.0"]) };
const accusation = { accuser: b, certificate: toHex(certificate), accused: a, ring: 3, epoch: 5n };

function rootOf(digests: readonly string[]): Uint8Array {
  const tree = new RecordTree(sha256);
  for (const digest of digests) tree.insert(digest);
  return tree.root();
}

export function vectors(): [string, Uint8Array][] {
  const noteBody = encodeNote(note, certificate);
  const accusationBody = encodeAccusation(accusation, certificate);
  const revoked = {
    certificates: new Set([toHex(certificate)]),
    members: new Set([b]),
    issuers: new Set([toHex(network)]),
  };
  const list = { number: 7n, issuedAt: 1000, nextUpdate: 2000, ...revoked };
  const statement = encodeStatement({ kind: "note", note: { ...note, body: noteBody, signature } });
  const noteRecord = recordDigest(sha256, parseStatement(statement)!);
  const claim = { ...accusation, body: accusationBody, signature };
  const accusationRecord = recordDigest(sha256, { kind: "accusation", accusation: claim });
  const interest = { id: a, certificate: toHex(certificate), version: 7n, content: text("hi") };
  const interestBody = encodeInterest(interest, certificate);
  const interestRecord = recordDigest(sha256, {
    kind: "interest",
    interest: { ...interest, body: interestBody, signature },
  });
  const offers = [{ id: a, version: 7n, bytes: interestBody.length, digest: interestRecord }];
  const two = rootOf([noteRecord, accusationRecord]);
  const packet = encodePacket([
    { kind: "range", prefix: "", hash: two },
    { kind: "list", prefix: "abc", digests: [noteRecord] },
    { kind: "gone", epoch: 5n },
    { kind: "more" },
  ]);
  const prefix = (id: typeof a) => memberIdToBytes(id).subarray(0, 8);
  const tag = network.subarray(0, 8);
  const ping = {
    kind: "ping",
    tag,
    sender: prefix(a),
    receiver: prefix(b),
    nonce: times(1, 8),
    fingerprint: two,
  } as const;
  return [
    ["position of a on ring 1", position(sha256, 1, a)],
    ["position of a on ring 9", position(sha256, 9, a)],
    ["extension, 9 rings, Delta 1500 ms", encodeNetwork(constants)],
    ["extension, the same, of node-1", encodeNetwork(constants, factsOf("node-1"))],
    ["extensions 1: hi, 300: nothing", encodeExtensions(extensions)],
    ["content: message 7, 5000 ms, these extensions, hi", encodeContent(question)],
    ["content: message 7, 5000 ms, for the service inventory, hi", encodeContent(addressed)],
    ["note body", noteBody],
    ["note body, that offers both", encodeNote(offering, certificate)],
    ["note, bytes signed", signedBytes("note", network, noteBody)],
    ["note, statement", statement],
    ["note, record", fromHex(noteRecord)!],
    ["accusation body", accusationBody],
    ["accusation, record", fromHex(accusationRecord)!],
    ["interest body", interestBody],
    ["interest, record", fromHex(interestRecord)!],
    [
      "revocation list 7 at 1000 ms, next at 2000: the certificate, b, issuer 32 times dd",
      encodeRevocationList(list, (hex) => fromHex(hex)!),
    ],
    ["root of both records", two],
    ["root of 17 records", rootOf(Array.from({ length: 17 }, (_, index) => toHex(sha256(text(`record ${index}`)))))],
    ["packet: that root, list abc: note, gone 5, more", packet],
    ["packet: this interest is offered", encodePacket([{ kind: "interests", offers }])],
    [`ping a to b, ${DATAGRAM_BYTES} bytes, key 32 times ee`, encodeDatagram(ping, times(0xee, 32))],
  ];
}

/** As they stand in the document: a name, then its hex digits in lines of 112. */
export function vectorBlock(): string {
  const entries = vectors().map(([name, bytes]) => `${name}\n${toHex(bytes).replace(/.{1,112}/g, "  $&\n")}`);
  return `\`\`\`text\n${entries.join("")}\`\`\``;
}
