/** Our certificate extension: constants of the network, and facts of one member, of which later versions may add some. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { EXTENSION, readCertificate } from "../../identity/certificates/certificate-fields.js";
import {
  decodeNetwork,
  encodeNetwork,
  factsOf,
  nameIn,
  networkExtension,
} from "../../identity/certificates/extension.js";
import { attempt } from "../../identity/der.js";
import { issueMember, verifyMemberCertificate } from "../../identity/index.js";
import { type Extension, RING_COUNT_MAX, toHex } from "../../rings/index.js";
import { anyExtensions } from "../support/extensions.js";
import { createChain, extensionsOf, forge, ID, keys, NETWORK, NOW, WEEK } from "./forge.js";
import { replaced } from "./forgeries.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const anyNetwork = fc.record({
  networkId: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  ringCount: fc.integer({ min: 1, max: RING_COUNT_MAX }),
  deltaMs: fc.integer({ min: 1, max: 3_600_000 }),
});

describe("the extension", () => {
  it("comes back as it was, with facts that nobody knows", () => {
    fc.assert(
      fc.property(anyNetwork, anyExtensions, (network, facts) => {
        expect(decodeNetwork(encodeNetwork(network, facts))).toEqual({ network, facts });
      }),
    );
  });

  it("without facts has the bytes that it always had", () => {
    fc.assert(
      fc.property(anyNetwork, (network) => {
        expect(encodeNetwork(network, factsOf(undefined))).toEqual(encodeNetwork(network));
      }),
    );
    expect(toHex(encodeNetwork({ networkId: new Uint8Array(32).fill(0xdd), ringCount: 9, deltaMs: 1_500 }))).toBe(
      `302c0201010420${"dd".repeat(32)}020109020205dc`,
    );
  });

  it("has one encoding, and is a refusal or a value, whatever is changed", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(anyNetwork, anyExtensions, changes, (network, facts, edits) => {
        const changed = encodeNetwork(network, facts);
        for (const [at, value] of edits) changed[at % changed.length] = value;
        const read = attempt(() => decodeNetwork(changed));
        if (read.ok) expect(encodeNetwork(read.value.network, read.value.facts)).toEqual(changed);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("the name in the facts", () => {
  it.each(["a", "node-1.rack_2", "7", "x".repeat(64)])("%s is read again", (name) => {
    expect(nameIn(factsOf(name))).toBe(name);
  });

  it.each(["", "-a", "a b", "a\n", "é", "x".repeat(65)])("%j is no name to write, and is ignored", (name) => {
    expect(() => factsOf(name)).toThrow(RangeError);
    expect(nameIn([{ type: 1, data: bytes(name) }])).toBeUndefined();
  });
  it("is ignored when it would pass for the authority", () => {
    expect(nameIn(factsOf("authority.fireflies.internal"))).toBeUndefined();
  });
});

describe("a member's certificate", () => {
  let chain: Awaited<ReturnType<typeof createChain>>;
  beforeAll(async () => {
    chain = await createChain();
  });
  const verified = (leaf: Uint8Array) => {
    const verdict = verifyMemberCertificate(
      { leaf, issuer: chain.issuing },
      { root: chain.root, now: NOW, network: NETWORK },
    );
    return verdict.ok ? verdict.certificate : verdict.reason;
  };
  const withFacts = (facts: readonly Extension[]) =>
    forge(chain.leaf, { extensions: replaced(EXTENSION.network, encodeNetwork(NETWORK, facts)) });

  it("says the member's name, and nothing else differs", async () => {
    const input = { id: ID, spki: keys.member.spki, network: NETWORK, issuer: chain.issuer, validity: WEEK };
    const leaf = await issueMember({ ...input, name: "node-1" });
    expect(verified(leaf)).toMatchObject({ id: ID, name: "node-1", ringCount: NETWORK.ringCount });
    expect(readCertificate(leaf).extensions.get(EXTENSION.network)!.critical).toBe(false);
    expect(extensionsOf(leaf)).toEqual([
      ...extensionsOf(chain.leaf).slice(0, -1),
      networkExtension(NETWORK, factsOf("node-1")),
    ]);
    // The next from the same template has its own.
    expect(verified(await issueMember({ ...input, name: "node-2" }))).toMatchObject({ name: "node-2" });
    expect(verified(await issueMember(input))).toMatchObject({ name: undefined });
  });

  it("without a name is as good", () => {
    expect(extensionsOf(chain.leaf).at(-1)).toEqual(networkExtension(NETWORK));
    expect(verified(chain.leaf)).toMatchObject({ id: ID, name: undefined });
  });

  it("with facts of a later version is good, and they are ignored", () => {
    const later = { type: 4_000, data: new Uint8Array(900) };
    expect(verified(withFacts([later]))).toMatchObject({ id: ID, name: undefined });
    expect(verified(withFacts([...factsOf("node-1"), later]))).toMatchObject({ name: "node-1" });
    expect(verified(withFacts([{ type: 1, data: bytes("a name\n") }]))).toMatchObject({ name: undefined });
  });
});
