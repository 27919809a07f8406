/** Proofs of messages of topics, as somebody sees them who is no member: what they show, and what forged ones are refused for. */
import { beforeAll, describe, expect, it } from "vitest";
import { forkProof, messageProof } from "../../../client/topics/proof.js";
import { verifyTopicFork, verifyTopicMessage } from "../../../client/topics/verify.js";
import { type FirefliesError, type Identity, sha256, sign } from "../../../identity/index.js";
import { toHex } from "../../../rings/index.js";
import {
  type Batch,
  encodeBatch,
  encodeBody,
  encodePayload,
  LogReader,
  NO_DIGEST,
  nameLog,
  parseBatch,
} from "../../../topics/index.js";
import { text } from "../../support/network.js";
import { TestNetwork } from "../../support/test-network.js";

let network: TestNetwork;
let ann: Identity;
let bob: Identity;
let options: { readonly roots: readonly Uint8Array[] };

beforeAll(async () => {
  network = await TestNetwork.create();
  ann = await network.member({ name: "ann" });
  bob = await network.member({ name: "bob" });
  options = { roots: [network.root] };
});

/** A batch of this member's, signed by `signer`. */
function batchOf(of: Identity, words: readonly string[], first = 1, signer = of): Batch {
  const log = nameLog({ publisher: of.certificate.id, life: 7n, topic: "orders.eu" }, sha256);
  const payload = encodePayload(words.map(text));
  const facts = { log, first, count: words.length, at: 5, previous: NO_DIGEST, digest: sha256(payload), flags: 0 };
  const body = encodeBody({ ...facts, payloadBytes: payload.length });
  const signature = sign(signer.privateKey, "topic-batch", signer.certificate.networkId, body);
  return parseBatch(encodeBatch(body, signature, payload), new LogReader(sha256, 4), sha256)!;
}

const codeOf = (run: () => unknown) => {
  try {
    run();
    return "none";
  } catch (error) {
    return (error as FirefliesError).code;
  }
};

describe("the proof of a message", () => {
  it("shows who published it where, under which number, and when it says so", () => {
    const { certificate } = ann;
    const proof = messageProof(certificate, batchOf(ann, ["one", "two", "three"], 10), 11);
    expect(verifyTopicMessage(proof, options)).toEqual({
      ...{
        topic: "orders.eu",
        publisher: certificate.id,
        name: "ann",
        life: 7n,
        sequence: 11,
        at: 5,
        data: text("two"),
      },
      network: toHex(certificate.networkId),
      certificate: expect.objectContaining({ fingerprint: toHex(certificate.hash) }),
    });
  });

  it("is refused for each bit of it that is another one", () => {
    const proof = messageProof(ann.certificate, batchOf(ann, ["one", "two"]), 1);
    const good = verifyTopicMessage(proof, options);
    for (let at = 0; at < proof.length; at++) {
      const altered = proof.slice();
      altered[at]! ^= 1;
      let shown: unknown;
      const code = codeOf(() => {
        shown = verifyTopicMessage(altered, options);
      });
      // The number in the batch is nobody's word: another one shows another message, which is proven as well.
      if (code === "none") expect(shown).toMatchObject({ publisher: good.publisher, sequence: 2 });
      else
        expect([
          "proof-malformed",
          "protocol-version",
          "certificate-invalid",
          "proof-altered",
          "proof-unsigned",
        ]).toContain(code);
    }
  });

  it.each([
    ["signed by another one", () => messageProof(ann.certificate, batchOf(ann, ["one"], 1, bob), 1), "proof-unsigned"],
    ["with another one's certificate", () => messageProof(bob.certificate, batchOf(ann, ["one"]), 1), "proof-unsigned"],
    [
      "of a number that the batch does not have",
      () => messageProof(ann.certificate, batchOf(ann, ["one"]), 2),
      "proof-malformed",
    ],
    ["that is none", () => text("hello"), "proof-malformed"],
    [
      "of something else",
      () => forkProof(ann.certificate, [batchOf(ann, ["a"]), batchOf(ann, ["b"])]),
      "proof-malformed",
    ],
  ])("%s is refused", (_, proof, code) => {
    expect(codeOf(() => verifyTopicMessage(proof(), options))).toBe(code);
  });

  it("is refused under another root, and for what is no bytes", async () => {
    const other = await TestNetwork.create();
    const proof = messageProof(ann.certificate, batchOf(ann, ["one"]), 1);
    expect(codeOf(() => verifyTopicMessage(proof, { roots: [other.root] }))).toBe("certificate-invalid");
    expect(() => verifyTopicMessage("text" as never, options)).toThrow(TypeError);
  });
});

describe("the proof of a fork", () => {
  it("shows under which number a publisher signed two messages", () => {
    const proof = forkProof(ann.certificate, [batchOf(ann, ["a", "b"], 3), batchOf(ann, ["c"], 4)]);
    expect(verifyTopicFork(proof, options)).toMatchObject({ publisher: ann.certificate.id, name: "ann", sequence: 4 });
  });

  it("is refused when the two agree, and when one of them is not the publisher's", () => {
    const same = batchOf(ann, ["a"]);
    expect(codeOf(() => verifyTopicFork(forkProof(ann.certificate, [same, same]), options))).toBe("proof-altered");
    const forged = forkProof(ann.certificate, [batchOf(ann, ["a"]), batchOf(ann, ["b"], 1, bob)]);
    expect(codeOf(() => verifyTopicFork(forged, options))).toBe("proof-unsigned");
  });
});
