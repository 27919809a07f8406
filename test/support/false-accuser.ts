/** A liar with real keys: an identity that stands before a victim on a ring, and the accusations that it signs. */
import { EXCHANGE } from "../../client/protocols.js";
import { encodeAccusation, encodePacket, encodeStatement } from "../../gossip/index.js";
import { type Identity, sha256, sign } from "../../identity/index.js";
import { deadlineIn } from "../../net/index.js";
import { type MemberId, Rings, toHex } from "../../rings/index.js";
import { loneStack } from "./lone-stack.js";
import type { OfflineNetwork, TestClient } from "./network.js";

/** An identity, and a ring on which it stands directly before the accused, among these and itself. */
export async function liarBefore({ authority }: OfflineNetwork, accused: TestClient, ...others: TestClient[]) {
  const count = accused.info().rings;
  for (;;) {
    const identity = await authority.member();
    const rings = new Rings({ count, sha256 });
    for (const id of [accused.id, ...others.map((each) => each.id), identity.certificate.id]) rings.add(id as MemberId);
    const all = Array.from({ length: count }, (_, index) => index + 1);
    const before = (ring: number) => rings.predecessor(ring, accused.id as MemberId, () => false);
    const ring = all.find((each) => before(each) === identity.certificate.id);
    if (ring !== undefined) return { identity, ring };
  }
}

/** Of the accused's present epoch, as a statement. */
export function accusationBy({ certificate, privateKey }: Identity, accused: TestClient, ring: number): Uint8Array {
  const { id: accuser, hash, networkId } = certificate;
  const { epoch } = accused.info();
  const accusation = { accuser, certificate: toHex(hash), accused: accused.id as MemberId, ring, epoch };
  const body = encodeAccusation(accusation, hash);
  const signature = sign(privateKey, "accusation", networkId, body);
  return encodeStatement({ kind: "accusation", accusation: { ...accusation, body, signature } });
}

/** Hands statements to a member as the one with this identity. */
export async function tell(identity: Identity, to: TestClient, ...statements: readonly Uint8Array[]): Promise<void> {
  await using lone = loneStack(identity);
  const deadline = deadlineIn(5_000);
  const session = await lone.links.reach({ addresses: [to.address] }, { deadline });
  await session.call(EXCHANGE, encodePacket(statements.map((bytes) => ({ kind: "statement", bytes }))), { deadline });
}
