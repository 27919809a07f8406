/** The judge hears the accused (rule R20) over real sockets: a liar tells one member alone of its accusation. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { EXCHANGE } from "../../client/protocols.js";
import { encodeAccusation, encodePacket, encodeStatement, Machine } from "../../gossip/index.js";
import { type Identity, sha256, sign } from "../../identity/index.js";
import { deadlineIn, Pings } from "../../net/index.js";
import { type MemberId, Rings, toHex } from "../../rings/index.js";
import { loneStack } from "../support/lone-stack.js";
import { nextChange, OfflineNetwork, type TestClient, text, whole } from "../support/network.js";

afterEach(() => {
  vi.restoreAllMocks();
});

/** An identity, and a ring on which it stands directly before the accused. */
async function liarBefore({ authority }: OfflineNetwork, accused: TestClient, judge: TestClient) {
  const count = accused.info().rings;
  for (;;) {
    const identity = await authority.member();
    const rings = new Rings({ count, sha256 });
    for (const id of [accused.id, judge.id, identity.certificate.id]) rings.add(id as MemberId);
    const all = Array.from({ length: count }, (_, index) => index + 1);
    const before = (ring: number) => rings.predecessor(ring, accused.id as MemberId, () => false);
    const ring = all.find((each) => before(each) === identity.certificate.id);
    if (ring !== undefined) return { identity, ring };
  }
}

function accusationBy({ certificate, privateKey }: Identity, accused: TestClient, ring: number): Uint8Array {
  const { id: accuser, hash, networkId } = certificate;
  const { epoch } = accused.info();
  const accusation = { accuser, certificate: toHex(hash), accused: accused.id as MemberId, ring, epoch };
  const body = encodeAccusation(accusation, hash);
  const signature = sign(privateKey, "accusation", networkId, body);
  return encodeStatement({ kind: "accusation", accusation: { ...accusation, body, signature } });
}

describe("a member that is accused before one judge alone", () => {
  it.each([
    ["by datagram", true],
    ["by call, where no datagram comes through", false],
  ])("is told by that one, %s, answers, and stays", async (_, hasDatagrams) => {
    const summon = vi.spyOn(Pings.prototype, "summon");
    if (!hasDatagrams) summon.mockImplementation(() => {});
    const heard = vi.spyOn(Machine.prototype, "summoned");
    await using network = await OfflineNetwork.create();
    const [accused, judge] = (await network.startMany(2)) as [TestClient, TestClient];
    judge.registerMessageHandler((data) => data);
    const { identity, ring } = await liarBefore(network, accused, judge);
    const liar = await network.start({ entryAddrs: [accused.address] }, identity);
    await whole([accused, judge, liar]);
    const { epoch } = accused.info();
    const answered = nextChange(judge, "rebutted", accused.id);
    await using lone = loneStack(identity);
    const deadline = deadlineIn(5_000);
    const session = await lone.links.reach({ addresses: [judge.address] }, { deadline });
    const packet = encodePacket([{ kind: "statement", bytes: accusationBy(identity, accused, ring) }]);
    await session.call(EXCHANGE, packet, { deadline });
    await answered;
    expect(accused.info().epoch).toBeGreaterThan(epoch);
    expect(summon).toHaveBeenCalled();
    expect(heard.mock.calls.length > 0).toBe(hasDatagrams);
    expect(await accused.sendToId(judge.id, text("still here"))).toBeDefined();
  });
});
