/**
 * An examination on demand: three members, or as many as there are, dial back what this one tells the others, say from where
 * they see it come and what time they have; and from that, what is to be done.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, FirefliesError, titleOf } from "../../identity/index.js";
import { type Address, isPrivate, parseAddress } from "../../net/index.js";
import { type MemberId, tolerated } from "../../rings/index.js";
import { isEvidence, notDialable, OUTCOME_TEXTS, privateAdvice } from "./advice.js";
import { udpAddress } from "./answering.js";
import type { DialledBack, DialOutcome } from "./codec.js";
import type { NatKind, Observation, Observed } from "./observations.js";
import { natOf, observedOf, UDP_PREFIX } from "./observations.js";
import type { Dialable } from "./verdict.js";
import type { Sighting, Ways } from "./ways.js";

/** Members that are asked: one may lie or be cut off itself, and two that agree say where it lies. */
const ASKED = 3;
/** Clocks that differ by more are told of, milliseconds: certificates allow for minutes, logs and tokens do not. */
const CLOCKS_APART_MS = 30_000;
/** The share of liars that a network is planned for unless told otherwise, and one below which something is to be done. */
const SHARE_PLANNED = 0.1;
const SHARE_MIN = 0.05;
/** In a smaller network one single liar is a large share: no ring count helps there. */
const MEMBERS_JUDGED_MIN = 10;
/** What epoch marks, known members and a certificate need for years, bytes. */
const DISK_MIN = 64 * 1024 * 1024;
/** Of a certificate's life: it is renewed when a third is left, so something is wrong when this is. */
const LIFE_LEFT_MIN = 0.1;
/** A note comes to all within some rounds of gossip: milliseconds between two looks whether it has come ... */
const HEARSAY_MS = 500;
/** ... and how many there are. */
const HEARSAY_TRIES = 4;

/** What one of those that were asked did and saw. */
export interface DoctorMember {
  readonly id: MemberId;
  readonly name: string | undefined;
  /** False when it answered nothing. */
  readonly answered: boolean;
  /** How this member reaches it: the way and the address. */
  readonly path: string | undefined;
  /** Milliseconds of a call, and of a datagram there and back; undefined when it did not come back. */
  readonly linkMs: number | undefined;
  readonly udpMs: number | undefined;
  /** "IP:port" from where it sees a connection, and datagrams, of this member come. */
  readonly seesTcp: string | undefined;
  readonly seesUdp: string | undefined;
  /** Its clock ahead of this machine's, milliseconds. */
  readonly clockMs: number | undefined;
  /** Of its software, by its own word. */
  readonly version: string | undefined;
}

/** One address that the others are told: whether it leads here, and from where. */
export interface DoctorAddress {
  /** As in the note; "udp://host:port" for datagrams. */
  readonly address: string;
  readonly transport: string;
  readonly results: readonly {
    readonly id: MemberId;
    readonly name: string | undefined;
    readonly outcome: DialOutcome;
    /** Milliseconds. */
    readonly ms: number;
  }[];
}

/** Something to know ("note") or to do ("problem"); the codes are those of docs/errors.md. */
export interface DoctorFinding {
  readonly level: "note" | "problem";
  readonly code: ErrorCode;
  readonly message: string;
  readonly advice: string;
}

/** What an examination has found. */
export interface DoctorReport {
  readonly id: MemberId;
  readonly name: string | undefined;
  /** Nothing is to be done. */
  readonly ok: boolean;
  /** As `ClientInfo.dialable`, which its neighbours decide. */
  readonly dialable: Dialable;
  /** By what those that were asked see. */
  readonly nat: NatKind;
  readonly addresses: readonly DoctorAddress[];
  readonly observed: readonly Observed[];
  /**
   * Datagrams: whether they come back from here, and whether they arrive from a member that none was sent to before; undefined
   * when no such member was asked.
   */
  readonly udp: { readonly out: boolean | undefined; readonly in: boolean | undefined };
  /** The others' clocks ahead of this machine's, milliseconds: the median. */
  readonly clockMs: number | undefined;
  /** Unix milliseconds at which its certificate ends. */
  readonly certificateEnds: number;
  /** Is it a relay for others, how many relays has it, and of how many it should have. */
  readonly relay: { readonly relays: boolean; readonly mine: number; readonly wanted: number };
  /** Of its software. */
  readonly version: string;
  /** The network's ring count, its live members with this one, and the share of them that may lie with it, 0 to 0.5. */
  readonly rings: { readonly count: number; readonly members: number; readonly tolerates: number };
  /** Where it keeps its state: bytes that are free there, and whether it may write; undefined for one in memory. */
  readonly disk: Disk | undefined;
  /** What it listens with, as "tcp 8400". */
  readonly listens: readonly string[];
  readonly members: readonly DoctorMember[];
  readonly findings: readonly DoctorFinding[];
}

/** Where a member keeps its state. */
export interface Disk {
  readonly directory: string;
  readonly freeBytes: number | undefined;
  readonly isWritable: boolean;
}

export interface DoctorOptions {
  readonly version: string;
  readonly ringCount: number;
  readonly disk: () => Promise<Disk | undefined>;
  readonly self: { readonly id: MemberId; readonly name: string | undefined };
  readonly others: readonly { readonly id: MemberId; readonly name: string | undefined }[];
  /** Those whom datagrams pass to and from anyhow. */
  readonly neighbours: ReadonlySet<MemberId>;
  readonly ways: Pick<Ways, "observe" | "dialBack">;
  readonly measure: (id: MemberId) => Promise<{
    readonly udpMs: number | undefined;
    readonly linkMs: number | undefined;
    readonly path: { readonly direction: "dialled" | "accepted"; readonly address: string } | undefined;
  }>;
  readonly dialable: Dialable;
  readonly advertised: readonly string[];
  /** "host:port" for datagrams. */
  readonly pinged: readonly string[];
  readonly listeners: readonly Address[];
  readonly hosts: ReadonlySet<string>;
  readonly udpPort: number | undefined;
  readonly certificate: { readonly notBefore: number; readonly notAfter: number };
  readonly relay: DoctorReport["relay"];
  /** Unix milliseconds. */
  readonly wall: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

interface Examined extends DoctorMember {
  readonly isNeighbour: boolean;
  readonly dials: readonly (DialledBack & { readonly address: string })[];
}

/** Takes some seconds, when addresses do not answer. Never rejects. */
export async function examine(options: DoctorOptions): Promise<DoctorReport> {
  const { self, others, neighbours, random, relay, dialable, listeners, certificate } = options;
  // Those first that no datagram was sent to: what arrives from them passes a NAT by itself.
  const keyed = others.map((other) => ({ ...other, key: Number(neighbours.has(other.id)) + random() }));
  const asked = keyed.toSorted((a, b) => a.key - b.key).slice(0, ASKED);
  const members = await Promise.all(asked.map((other) => examineBy(other, options)));
  const observations = members.map(({ id: by, seesTcp: tcp, seesUdp: udp }): Observation => ({ by, tcp, udp }));
  const udp = udpOf(members);
  const clockMs = median(members.flatMap((each) => each.clockMs ?? []));
  const addresses = addressesOf(options, members);
  const rings = ringsOf(options);
  const disk = await options.disk();
  const facts = { options, members, addresses, observations, udp, clockMs, rings, disk };
  const findings = findingsOf(facts);
  return {
    ...self,
    ok: findings.every(({ level }) => level !== "problem"),
    dialable,
    nat: natOf(observations, options),
    addresses,
    observed: observedOf(observations),
    udp,
    clockMs,
    certificateEnds: certificate.notAfter,
    relay,
    ...{ version: options.version, rings, disk },
    listens: listeners.map(({ scheme, port }) => `${scheme} ${port}`),
    members: members.map(({ dials: _, isNeighbour: __, ...member }) => member),
    findings,
  };
}

async function examineBy(
  { id, name }: DoctorOptions["others"][number],
  { ways, measure, advertised, pinged, neighbours }: DoctorOptions,
): Promise<Examined> {
  const targets = [...advertised, ...pinged.flatMap((text) => udpTarget(text) ?? [])];
  // Before anything is sent to it by UDP: a NAT lets answers in that it would let nothing else in.
  const results = await dialledBack(ways, id, targets);
  const measured = await measure(id).catch(() => undefined);
  const seen: Sighting | undefined = await ways.observe(id);
  const dials = targets.flatMap((address, index) => (results?.[index] ? { address, ...results[index] } : []));
  const { path } = measured ?? {};
  return {
    id,
    name,
    answered: results !== undefined || seen !== undefined,
    path: path && `${path.direction === "dialled" ? "to" : "from"} ${path.address}`,
    linkMs: measured?.linkMs,
    udpMs: measured?.udpMs,
    seesTcp: seen?.way === "came" ? seen.address : undefined,
    seesUdp: seen?.udp,
    clockMs: seen?.aheadMs,
    version: seen?.version,
    dials,
    isNeighbour: neighbours.has(id),
  };
}

/** Who has not heard yet that an address is mine is asked again: an examination may follow a change of addresses. */
async function dialledBack(ways: Pick<Ways, "dialBack">, id: MemberId, targets: readonly string[]) {
  const first = await ways.dialBack(id, targets);
  if (first === undefined) return undefined;
  const results = [...first];
  for (let tries = 0; tries < HEARSAY_TRIES; tries++) {
    const unheard = targets.filter((_, index) => results[index]?.outcome === "not-yours");
    if (unheard.length === 0) break;
    await sleep(HEARSAY_MS);
    const again = (await ways.dialBack(id, unheard)) ?? [];
    for (const [index, result] of again.entries()) results[targets.indexOf(unheard[index]!)] = result;
  }
  return results;
}

function udpTarget(text: string): string | undefined {
  const address = parseAddress(text);
  return address && udpAddress(address);
}

function addressesOf({ advertised, pinged }: DoctorOptions, members: readonly Examined[]): DoctorAddress[] {
  const all = [...advertised, ...pinged.flatMap((text) => udpTarget(text) ?? [])];
  return all.map((address) => ({
    address,
    transport: parseAddress(address)?.scheme ?? "tcp",
    results: members.flatMap(({ id, name, dials }) => {
      const dial = dials.find((each) => each.address === address);
      return dial === undefined ? [] : [{ id, name, outcome: dial.outcome, ms: dial.ms }];
    }),
  }));
}

function udpOf(members: readonly Examined[]): DoctorReport["udp"] {
  const answered = members.filter(({ answered: is }) => is);
  // Whose own datagrams pass nowhere says nothing about the way to here.
  const fresh = answered.filter(({ isNeighbour, udpMs, seesUdp }) => !isNeighbour && (udpMs ?? seesUdp) !== undefined);
  const dials = fresh.flatMap((each) => each.dials);
  const inward = dials.filter(({ address, outcome }) => address.startsWith(UDP_PREFIX) && isEvidence(outcome));
  return {
    out: answered.length === 0 ? undefined : answered.some(({ udpMs }) => udpMs !== undefined),
    in: inward.length === 0 ? undefined : inward.some(({ outcome }) => outcome === "reached"),
  };
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  return middle === undefined ? undefined : Math.round(middle);
}

interface Facts {
  readonly options: DoctorOptions;
  readonly members: readonly Examined[];
  readonly addresses: readonly DoctorAddress[];
  readonly observations: readonly Observation[];
  readonly udp: DoctorReport["udp"];
  readonly clockMs: number | undefined;
  readonly rings: DoctorReport["rings"];
  readonly disk: Disk | undefined;
}

function findingsOf(facts: Facts): readonly DoctorFinding[] {
  const { members, options } = facts;
  const own = [...ofCertificate(facts), ...ofDisk(facts)];
  if (options.others.length === 0) return [finding("problem", new FirefliesError("alone")), ...own];
  if (members.every(({ answered }) => !answered)) {
    const names = members.map((member) => titleOf(member)).join(", ");
    const text = `None of the members that were asked has answered: ${names}.`;
    return [finding("problem", new FirefliesError("peer-unreachable", text)), ...own];
  }
  return [...ofAddresses(facts), ...ofUdp(facts), ...ofClock(facts), ...own, ...ofRings(facts), ...ofVersions(facts)];
}

function ofAddresses({ options, addresses, observations }: Facts): DoctorFinding[] {
  const { hosts, listeners, relay } = options;
  const ports = listeners.map(({ scheme, port }) => `${scheme} ${port}`).join(", ");
  const reports = addresses
    .filter(({ address }) => !address.startsWith(UDP_PREFIX))
    .map(({ address, results }) => ({ address, results: results.map(({ id: by, ...rest }) => ({ by, ...rest })) }));
  const all = { reports, observations, hosts, ports };
  const tried = reports.filter(({ results }) => results.some(({ outcome }) => isEvidence(outcome)));
  const isReached = ({ results }: (typeof reports)[number]) => results.some(({ outcome }) => outcome === "reached");
  if (tried.length > 0 && !tried.some(isReached)) {
    // Relays carry it: it is as it should be behind a NAT, and could be better.
    return [finding(relay.mine > 0 ? "note" : "problem", notDialable(all))];
  }
  const inner = privateAdvice(all);
  // A private address is for members on the same network, who may not be among those asked.
  const levelOf = ({ address }: { readonly address: string }) =>
    isPrivate(parseAddress(address)?.host ?? "") ? "note" : "problem";
  const dead = tried.filter((report) => !isReached(report));
  const idle = dead.map((report) => finding(levelOf(report), deadAddress(report)));
  return inner === undefined ? idle : [finding("problem", inner), ...idle];
}

/** Others lead here: it only costs everybody a try. */
function deadAddress({ address, results }: { address: string; results: readonly { outcome: DialOutcome }[] }) {
  const [first] = results.filter(({ outcome }) => isEvidence(outcome));
  const why = OUTCOME_TEXTS[first?.outcome ?? "failed"];
  return new FirefliesError("not-dialable", `Nobody reaches ${address} (${why}), while other addresses lead here.`, {
    advice: "Take it out of what is advertised, or repair the way there. See docs/reach.md.",
  });
}

function ofUdp({ udp, options }: Facts): DoctorFinding[] {
  const port = options.udpPort ?? 0;
  if (udp.out === false) {
    const text =
      "No datagram that this member sends comes back: UDP is blocked. Its neighbours use connections instead.";
    return [finding("problem", new FirefliesError("udp-blocked", text))];
  }
  if (udp.in !== false) return [];
  const text = `Datagrams to this member's UDP port ${port} do not arrive from members that it has not written to.`;
  return [finding("note", new FirefliesError("udp-blocked", text))];
}

function ofClock({ clockMs }: Facts): DoctorFinding[] {
  if (clockMs === undefined || Math.abs(clockMs) <= CLOCKS_APART_MS) return [];
  const seconds = Math.round(Math.abs(clockMs) / 1_000);
  const text = `This machine's clock is ${seconds} s ${clockMs > 0 ? "behind" : "ahead of"} those of the members asked.`;
  return [finding("problem", new FirefliesError("clock-apart", text))];
}

function ofCertificate({ options: { certificate, wall } }: Facts): DoctorFinding[] {
  const { notBefore, notAfter } = certificate;
  const left = notAfter - wall();
  if (left > (notAfter - notBefore) * LIFE_LEFT_MIN) return [];
  const text =
    left > 0
      ? `The certificate ends in ${Math.ceil(left / 60_000)} minutes, and was not renewed.`
      : "The certificate has ended.";
  return [finding("problem", new FirefliesError("certificate-ending", text))];
}

function ringsOf({ ringCount: count, others }: DoctorOptions): DoctorReport["rings"] {
  const members = others.length + 1;
  return { count, members, tolerates: members < 2 ? 0 : tolerated({ members, rings: count }).byzantine };
}

function ofRings({ rings: { count, members, tolerates } }: Facts): DoctorFinding[] {
  if (members < MEMBERS_JUDGED_MIN || tolerates >= SHARE_PLANNED) return [];
  const share = `${Math.floor(100 * tolerates)} %`;
  const text = `With ${count} rings and ${members} members, no more than ${share} of them may lie: the network has outgrown its rings.`;
  const advice = `\`fireflies plan --members ${members} --byzantine ${SHARE_PLANNED}\` says how many it takes. The ring count is the network's: a new network has another one.`;
  return [finding(tolerates < SHARE_MIN ? "problem" : "note", new FirefliesError("rings-few", text, { advice }))];
}

function ofDisk({ disk }: Facts): DoctorFinding[] {
  if (disk === undefined) return [];
  const { directory, freeBytes, isWritable } = disk;
  if (!isWritable) {
    const text = `The member may not write to ${directory}: what it learns is lost when it ends.`;
    return [finding("problem", new FirefliesError("disk-low", text))];
  }
  if (freeBytes === undefined || freeBytes >= DISK_MIN) return [];
  const text = `The disk of ${directory} has ${Math.floor(freeBytes / 1024 / 1024)} MiB left.`;
  return [finding("problem", new FirefliesError("disk-low", text))];
}

/** By their own words: what they say differs while a network is brought up to date, member by member. */
function ofVersions({ members, options: { version } }: Facts): DoctorFinding[] {
  const others = members.filter((each) => each.version !== undefined && each.version !== version);
  if (others.length === 0) return [];
  const names = others.map((each) => `${titleOf(each)} ${each.version}`).join(", ");
  const text = `This member has version ${version}, and of those that were asked: ${names}.`;
  return [finding("note", new FirefliesError("versions-apart", text))];
}

function finding(level: DoctorFinding["level"], { code, message, advice }: FirefliesError): DoctorFinding {
  return { level, code, message, advice };
}
