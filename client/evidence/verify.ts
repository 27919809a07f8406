/** What a third party does with evidence: checks it with the root alone, without being a member and without asking anybody. */
import { type Claim, noteSignatureType, parseStatement } from "../../gossip/index.js";
import {
  type CertificateChain,
  FirefliesError,
  type MemberCertificate,
  type NetworkConstants,
  openCms,
  readChain,
  revocationProblem,
  type SignatureType,
  verify,
  wrongType,
} from "../../identity/index.js";
import { equalBytes, isEnabled, toHex } from "../../rings/index.js";
import { rootsOf, type VerifyMessageOptions } from "../proven-sender.js";
import { type Bundle, decodeBundle, EVIDENCE_BYTES_MAX, type Named } from "./bundle.js";

/** One statement of the evidence, and whether its author signed it. */
export interface ProvenStatement {
  /** Its place in the bundle, from 0 on. */
  readonly index: number;
  readonly kind: Claim["kind"] | "unreadable";
  /** In a sentence, with names. */
  readonly text: string;
  readonly ok: boolean;
  /** Why it proves nothing. */
  readonly problem: string | undefined;
}

/** What evidence has shown. */
export interface EvidenceReport {
  /** The holder signed the bundle as it is, and each statement in it is its author's. */
  readonly ok: boolean;
  readonly network: string;
  readonly about: Named;
  readonly by: Named;
  /** Unix milliseconds, by the holder's clock. */
  readonly at: number;
  readonly statements: readonly ProvenStatement[];
  /** What follows from the statements that are good, in sentences. */
  readonly findings: readonly string[];
  /** What is false, in sentences; empty when `ok`. */
  readonly problems: readonly string[];
}

type Options = Pick<VerifyMessageOptions, "roots">;

/**
 * Checks evidence that a member wrote (`Client.evidence`). What was changed is named in `problems`. No date is judged: an
 * accusation proves who signed it and not when. Rejects with "evidence-malformed" for what is no evidence, and with
 * "certificate-invalid" when no root can be read.
 */
export async function verifyEvidence(evidence: Uint8Array, { roots }: Options): Promise<EvidenceReport> {
  if (!(evidence instanceof Uint8Array)) throw wrongType("Evidence is a Uint8Array.");
  if (evidence.length > EVIDENCE_BYTES_MAX) throw new FirefliesError("evidence-malformed");
  const trusted = rootsOf(roots);
  const opened = await openCms(evidence);
  const bundle = opened && decodeBundle(opened.content);
  if (opened === undefined || bundle === undefined) throw new FirefliesError("evidence-malformed");
  const certificates = new Certificates(trusted, bundle);
  const envelope = envelopeProblem(opened, bundle, trusted);
  const statements = bundle.statements.map((bytes, index) => proven(bytes, index, certificates));
  const bad = statements.filter(({ ok }) => !ok);
  const problems = [
    ...(envelope === undefined ? [] : [envelope]),
    ...bad.map(({ index, text, problem }) => `Statement ${index} (${text}) proves nothing: ${problem}.`),
  ];
  const good = bundle.statements.flatMap((bytes, index) =>
    statements[index]!.ok ? (parseStatement(bytes) ?? []) : [],
  );
  const { network, about, by, at } = bundle;
  const findings = findingsOf(good, certificates);
  return { ok: problems.length === 0, network, about, by, at, statements, findings, problems };
}

function envelopeProblem(
  { signer, certificates, isSigned }: NonNullable<Awaited<ReturnType<typeof openCms>>>,
  { by, network }: Bundle,
  roots: readonly Uint8Array[],
): string | undefined {
  if (signer === undefined) return "The envelope brings no certificate of who signed it.";
  const others = certificates.filter((each) => !equalBytes(each, signer));
  const found = others.map((issuer) => memberOf({ leaf: signer, issuer }, roots)).find((each) => each !== undefined);
  if (found === undefined) return "The envelope is signed by nobody for whom this root vouches.";
  if (found.id !== by.id || toHex(found.networkId) !== network)
    return `The envelope is signed by ${titled({ id: found.id, name: found.name })}, and says that it is of ${titled(by)}.`;
  return isSigned ? undefined : `The envelope is not what ${titled(by)} signed: something in it was changed.`;
}

function memberOf(chain: CertificateChain, roots: readonly Uint8Array[]): MemberCertificate | undefined {
  for (const root of roots) {
    const verdict = readChain(chain, root);
    if (verdict.ok) return verdict.certificate;
  }
  return undefined;
}

/** Those of the bundle that a root vouches for, in its network. */
class Certificates {
  readonly #byHash = new Map<string, MemberCertificate>();
  readonly #names = new Map<string, string>();
  readonly #read = new Map<string, MemberCertificate | undefined>();
  readonly roots: readonly Uint8Array[];
  readonly network: string;
  /** The network's constants, by the first of them. */
  constants: NetworkConstants | undefined;

  constructor(roots: readonly Uint8Array[], { statements, network }: Bundle) {
    this.roots = roots;
    this.network = network;
    for (const claim of statements.map(parseStatement)) {
      const found = claim?.kind === "certificate" ? this.member(claim.chain) : undefined;
      if (found === undefined) continue;
      this.#byHash.set(toHex(found.hash), found);
      this.constants ??= found;
      if (found.name !== undefined) this.#names.set(found.id, found.name);
    }
  }

  /** Each is checked once, however often it is asked for. */
  member(chain: CertificateChain): MemberCertificate | undefined {
    const text = `${toHex(chain.leaf)} ${toHex(chain.issuer)}`;
    if (!this.#read.has(text)) {
      const found = memberOf(chain, this.roots);
      this.#read.set(text, found && toHex(found.networkId) === this.network ? found : undefined);
    }
    return this.#read.get(text);
  }

  of(hash: string): MemberCertificate | undefined {
    return this.#byHash.get(hash);
  }

  title(id: string): string {
    return titled({ id, name: this.#names.get(id) });
  }
}

function titled({ id, name }: Named): string {
  return name === undefined ? id.slice(0, 12) : `${name} (${id.slice(0, 12)})`;
}

function proven(bytes: Uint8Array, index: number, certificates: Certificates): ProvenStatement {
  const claim = parseStatement(bytes);
  if (claim === undefined) {
    return { index, kind: "unreadable", text: "unreadable", ok: false, problem: "it is no statement" };
  }
  const problem = problemOf(claim, certificates);
  return { index, kind: claim.kind, text: textOf(claim, certificates), ok: problem === undefined, problem };
}

interface Signed {
  readonly certificate: string;
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

function problemOf(claim: Claim, certificates: Certificates): string | undefined {
  switch (claim.kind) {
    case "certificate":
      return certificates.member(claim.chain) ? undefined : "no root that was given vouches for it in this network";
    case "note":
      return signatureProblem(claim.note, claim.note.id, noteSignatureType(claim.note), certificates);
    case "accusation":
      return signatureProblem(claim.accusation, claim.accusation.accuser, "accusation", certificates);
    case "equivocation":
      return pairProblem(claim.pair, certificates);
    case "interest":
      return signatureProblem(claim.interest, claim.interest.id, "interest", certificates);
    case "revocation":
      return listProblem(claim, certificates);
  }
}

function signatureProblem(
  { certificate, body, signature }: Signed,
  author: string,
  type: SignatureType,
  certificates: Certificates,
): string | undefined {
  const signer = certificates.of(certificate);
  if (signer === undefined) return "the certificate that it was signed under is not there, or nobody vouches for it";
  if (signer.id !== author) return `it names a certificate of ${certificates.title(signer.id)}`;
  return verify(signer.publicKey, type, signer.networkId, body, signature)
    ? undefined
    : `${certificates.title(author)} has not signed this: it was changed, or made by somebody else`;
}

function pairProblem(
  [one, other]: (Claim & { readonly kind: "equivocation" })["pair"],
  certificates: Certificates,
): string | undefined {
  if (one.id !== other.id || one.epoch !== other.epoch || equalBytes(one.body, other.body))
    return "the two notes do not contradict each other";
  const problems = [one, other].map((note) => signatureProblem(note, note.id, noteSignatureType(note), certificates));
  return problems.find((problem) => problem !== undefined);
}

/** The list's own dates say by when it was to be replaced, and nothing about whether it was signed. */
function listProblem(
  { list }: Claim & { readonly kind: "revocation" },
  { roots, constants: network }: Certificates,
): string | undefined {
  if (network === undefined) return "no certificate of its network is there";
  const { issuer, body, signature, issuedAt: now } = list;
  const problems = roots.map((root) => revocationProblem(body, signature, { issuer, root, now, network }));
  return problems.includes(undefined) ? undefined : `the authority has not signed it (${problems[0]})`;
}

function textOf(claim: Claim, certificates: Certificates): string {
  switch (claim.kind) {
    case "certificate": {
      const found = certificates.member(claim.chain);
      return found ? `certificate of ${certificates.title(found.id)}` : "a certificate";
    }
    case "note":
      return `${claim.note.leaving ? "farewell" : "note"} of ${certificates.title(claim.note.id)}, epoch ${claim.note.epoch}`;
    case "accusation": {
      const { accuser, accused, ring, epoch } = claim.accusation;
      return `accusation of ${certificates.title(accused)} by ${certificates.title(accuser)} on ring ${ring}, epoch ${epoch}`;
    }
    case "equivocation":
      return `two notes of ${certificates.title(claim.pair[0].id)} with epoch ${claim.pair[0].epoch}`;
    case "interest":
      return `interest of ${certificates.title(claim.interest.id)}`;
    case "revocation":
      return `revocation list ${claim.list.number}`;
  }
}

/** What anybody may conclude from the good ones. */
function findingsOf(claims: readonly Claim[], certificates: Certificates): string[] {
  const notes = notesOf(claims);
  const answered = claims.flatMap((claim) => {
    if (claim.kind !== "accusation") return [];
    const { accuser, accused, ring, epoch } = claim.accusation;
    const its = notes.get(accused);
    const of = its?.byEpoch.get(epoch);
    const later = its && firstAfter(its.epochs, epoch);
    const [by, whom] = [certificates.title(accuser), certificates.title(accused)];
    const said = `${by} signed that ${whom} does not answer on ring ${ring}, of epoch ${epoch}`;
    const isOpen =
      of === undefined || isEnabled(of.mask, ring)
        ? ""
        : " That ring was disabled in that note: nobody may accuse there.";
    const end = later !== undefined ? `; ${whom} answered with epoch ${later}.` : "; no answer is among this evidence.";
    return [`${said}${end}${isOpen}`];
  });
  const contradictions = claims.flatMap((claim) =>
    claim.kind === "equivocation"
      ? [
          `${certificates.title(claim.pair[0].id)} signed two different notes with epoch ${claim.pair[0].epoch}: a proof of a lie, or that its identity was in use twice.`,
        ]
      : [],
  );
  const revoked = revokedAmong(claims, certificates);
  return [...new Set([...contradictions, ...answered, ...revoked])];
}

type Note = (Claim & { readonly kind: "note" })["note"];

/** Of each member, the first note of an epoch, and its epochs in order: many accusations may be of one member. */
function notesOf(claims: readonly Claim[]) {
  const byMember = new Map<string, Map<bigint, Note>>();
  for (const claim of claims) {
    if (claim.kind !== "note") continue;
    const its = byMember.get(claim.note.id) ?? new Map<bigint, Note>();
    byMember.set(claim.note.id, its);
    if (!its.has(claim.note.epoch)) its.set(claim.note.epoch, claim.note);
  }
  const inOrder = (byEpoch: ReadonlyMap<bigint, Note>) => [...byEpoch.keys()].sort((a, b) => (a < b ? -1 : 1));
  return new Map([...byMember].map(([id, byEpoch]) => [id, { byEpoch, epochs: inOrder(byEpoch) }]));
}

/** The lowest epoch that is higher, of several in order. */
function firstAfter(epochs: readonly bigint[], epoch: bigint): bigint | undefined {
  let [low, high] = [0, epochs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (epochs[middle]! > epoch) high = middle;
    else low = middle + 1;
  }
  return epochs[low];
}

/** Looked up from the side of the lists: there may be as many of them as of certificates. */
function revokedAmong(claims: readonly Claim[], certificates: Certificates): string[] {
  const byHash = new Map<string, string>();
  for (const claim of claims) {
    const found = claim.kind === "certificate" ? certificates.member(claim.chain) : undefined;
    if (found !== undefined) byHash.set(toHex(found.hash), found.id);
  }
  const ids = new Set(byHash.values());
  return claims.flatMap((claim) => {
    if (claim.kind !== "revocation") return [];
    const { list } = claim;
    const revoked = [
      ...[...list.members].filter((id) => ids.has(id)),
      ...[...list.certificates].flatMap((hash) => byHash.get(hash) ?? []),
    ];
    return revoked.map((id) => `The authority has revoked ${certificates.title(id)}, by list ${list.number}.`);
  });
}
