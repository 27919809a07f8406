/**
 * Two or more sets of evidence without machines around them: statements are offered as a driver that found every
 * signature good would, and reconciled through the same packets that machines exchange.
 */
import type { CertificateFacts } from "../../../gossip/records/certificate.js";
import type { Item } from "../../../gossip/records/packet.js";
import { type Claim, parseStatement } from "../../../gossip/records/statement.js";
import { reconcile } from "../../../gossip/spreading/reconcile.js";
import { Evidence } from "../../../gossip/view/evidence.js";
import { sha256 } from "./authority.js";
import { checked } from "./statements.js";

/** Everybody's certificates by leaf: what a verification would read from them. */
export type Known = ReadonlyMap<string, CertificateFacts>;

export function knownOf(certificates: readonly CertificateFacts[]): Known {
  return new Map(certificates.map((facts) => [Buffer.from(facts.leaf).toString("hex"), facts]));
}

export function evidenceOf(ringCount: number): Evidence {
  return new Evidence({ ringCount, sha256 });
}

/** Offers one statement as bytes; says why it was refused, or undefined when it was taken. */
export function offer(evidence: Evidence, known: Known, bytes: Uint8Array): string | undefined {
  const claim = parseStatement(bytes);
  if (!claim) return "malformed";
  const problem = problemOf(evidence, claim);
  if (problem === undefined) admit(evidence, known, claim);
  return problem;
}

function problemOf(evidence: Evidence, claim: Claim): string | undefined {
  switch (claim.kind) {
    case "certificate":
      return evidence.certificateProblem(claim.chain.leaf);
    case "note":
      return evidence.noteProblem(claim.note);
    case "accusation":
      return evidence.accusationProblem(claim.accusation);
    case "equivocation":
      return evidence.equivocationProblem(claim.pair);
    case "revocation":
      return evidence.revocationProblem(claim.list);
    case "interest":
      return evidence.interests.problem(claim.interest);
  }
}

function admit(evidence: Evidence, known: Known, claim: Claim): void {
  if (claim.kind === "certificate") {
    const facts = known.get(Buffer.from(claim.chain.leaf).toString("hex"));
    if (facts) evidence.admitCertificate(checked(facts));
  } else if (claim.kind === "note") evidence.admitNote(checked(claim.note));
  else if (claim.kind === "accusation") evidence.admitAccusation(checked(claim.accusation));
  else if (claim.kind === "equivocation") evidence.admitEquivocation([checked(claim.pair[0]), checked(claim.pair[1])]);
  else if (claim.kind === "interest") evidence.interests.admit(checked(claim.interest));
  else evidence.admitRevocations(checked(claim.list));
}

const STAGES = ["certificate", "revocation", "note", "accusation", "equivocation", "interest"];

/** One exchange started by `a`; returns how many statements went over, both ways. */
export function exchange(a: Evidence, b: Evidence, known: Known): number {
  let moved = 0;
  let items: Item[] = [{ kind: "range", prefix: "", hash: a.tree.root() }];
  let [answerer, asker] = [b, a];
  for (let round = 0; round < 64 && items.length > 0; round++) {
    const next: Item[] = [];
    const brought: Uint8Array[] = [];
    for (const item of items) {
      if (item.kind === "statement") brought.push(item.bytes);
      else next.push(...answerTo(answerer, item));
    }
    moved += brought.length;
    take(answerer, known, brought);
    items = next;
    [answerer, asker] = [asker, answerer];
  }
  return moved;
}

function answerTo(evidence: Evidence, item: Item): Item[] {
  const { items, give, want } =
    item.kind === "want" ? { items: [], give: [...item.digests], want: [] } : reconcile(evidence.tree, item);
  const statements = give.flatMap((digest): Item[] => {
    const record = evidence.record(digest);
    return record ? [{ kind: "statement", bytes: record.bytes }] : [];
  });
  const wanted = want.filter((digest) => !evidence.record(digest));
  return [...items, ...statements, ...(wanted.length > 0 ? [{ kind: "want" as const, digests: wanted }] : [])];
}

function take(evidence: Evidence, known: Known, statements: readonly Uint8Array[]): void {
  const stage = (bytes: Uint8Array) => STAGES.indexOf(parseStatement(bytes)?.kind ?? "");
  for (const bytes of [...statements].sort((a, b) => stage(a) - stage(b))) offer(evidence, known, bytes);
}

/** Exchanges both ways until nothing changes any more; returns the number of exchanges. */
export function reconcileToQuiescence(a: Evidence, b: Evidence, known: Known): number {
  for (let count = 1; ; count++) {
    const state = () => `${a.version + b.version} ${rootOf(a)} ${rootOf(b)}`;
    const before = state();
    exchange(a, b, known);
    exchange(b, a, known);
    if (state() === before) return count;
    if (count > 50) throw new Error("never quiescent");
  }
}

export const rootOf = (evidence: Evidence) => Buffer.from(evidence.tree.root()).toString("hex");

/** What is held, as sorted bytes: to compare by more than the root. */
export const heldBy = (evidence: Evidence) =>
  Array.from(evidence.records(), (record) => record.digest)
    .sort()
    .join("\n");
