/** Puts together what a member holds of another one, live or gone, or of itself, and signs it as one message. */
import { type Machine, parseStatement } from "../../gossip/index.js";
import { type Identity, signCms } from "../../identity/index.js";
import { type MemberId, toHex } from "../../rings/index.js";
import type { Explanation } from "../history/explanation.js";
import type { KeptStatement } from "../history/statements.js";
import { type Bundle, encodeBundle } from "./bundle.js";

export interface EvidenceParts {
  readonly identity: Pick<Identity, "certificate" | "privateKey">;
  readonly explanation: Explanation;
  /** About it and by it, oldest first. */
  readonly kept: readonly KeptStatement[];
  readonly inspect: Machine["inspect"];
  readonly revocations: Uint8Array | undefined;
  /** Unix milliseconds. */
  readonly at: number;
}

/** PEM text: see `Client.evidence`. */
export async function evidenceOf(parts: EvidenceParts): Promise<string> {
  const { certificate, privateKey } = parts.identity;
  return await signCms(encodeBundle(bundleOf(parts)), certificate, privateKey);
}

export function bundleOf({ identity, explanation, kept, inspect, revocations, at }: EvidenceParts): Bundle {
  const { member, name, sentences, events } = explanation;
  const { certificate } = identity;
  const { accusations, proof } = inspect(member as MemberId);
  const held = [...accusations.map(({ statement }) => statement), ...(proof ? [proof] : [])];
  const said = [...kept.map(({ bytes }) => bytes), ...held];
  const speakers = new Set([member, ...kept.flatMap(({ member: about, author }) => [about, author])]);
  for (const bytes of said) for (const id of speakersOf(bytes)) speakers.add(id);
  const introductions = [...speakers].flatMap((id) => inspect(id as MemberId).introduction);
  return {
    network: toHex(certificate.networkId),
    about: { id: member, name },
    by: { id: certificate.id, name: certificate.name },
    ...{ at, sentences, events },
    statements: once([...introductions, ...said, ...(revocations ? [revocations] : [])]),
  };
}

function speakersOf(bytes: Uint8Array): string[] {
  const claim = parseStatement(bytes);
  return claim?.kind === "accusation" ? [claim.accusation.accuser, claim.accusation.accused] : [];
}

function once(statements: readonly Uint8Array[]): Uint8Array[] {
  const byText = new Map(statements.map((bytes) => [Buffer.from(bytes).toString("latin1"), bytes]));
  return [...byText.values()];
}
