/** What to do when others cannot dial a member, from how their dials ended and from where they see it come. */
import { FirefliesError } from "../../identity/index.js";
import { formatHostPort, isPrivate, parseAddress, rangeOf } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import type { DialOutcome } from "./codec.js";
import { hostOf, type Observation } from "./observations.js";

/** The page that explains it. */
const PAGE = "docs/reach.md";

/** How one member's dial to one address ended. */
export interface DialResult {
  readonly by: MemberId;
  readonly outcome: DialOutcome;
  /** Milliseconds. */
  readonly ms: number;
}

export interface AddressReport {
  readonly address: string;
  readonly results: readonly DialResult[];
}

/** Says nothing about the address: the one that was asked did not try. */
const SILENT: ReadonlySet<DialOutcome> = new Set(["no-transport", "not-yours", "busy", "failed"]);

/** Does it say something about the address? */
export function isEvidence(outcome: DialOutcome): boolean {
  return !SILENT.has(outcome);
}

export const OUTCOME_TEXTS: Readonly<Record<DialOutcome, string>> = {
  reached: "reached",
  refused: "refused: nobody listens there, or a firewall rejects it",
  timeout: "no answer: a firewall or a NAT drops it",
  "no-route": "no way there from their network",
  unresolved: "the name could not be looked up",
  forbidden: "not dialled: such an address means another machine to everybody",
  "somebody-else": "something else answers there",
  "no-transport": "they have no such transport",
  "not-yours": "not dialled: the member's note did not name it yet",
  busy: "not tried: they have done enough for others",
  failed: "not tried: they could not",
};

/** The failure that says most about what to change. */
const WEIGHT: readonly DialOutcome[] = [
  "somebody-else",
  "forbidden",
  "unresolved",
  "refused",
  "timeout",
  "no-route",
  "no-transport",
];

interface Facts {
  readonly reports: readonly AddressReport[];
  /** From where others see me come. */
  readonly observations: readonly Observation[];
  /** The addresses of this machine. */
  readonly hosts: ReadonlySet<string>;
  /** That is listened at, "tcp 8400". */
  readonly ports: string;
}

/** Code "not-dialable". */
export function notDialable(facts: Facts): FirefliesError {
  const { reports } = facts;
  const failed = reports.map((report) => ({ report, outcome: worstOf(report) }));
  const shown = failed.map(({ report, outcome }) => `${report.address} (${OUTCOME_TEXTS[outcome ?? "failed"]})`);
  const text = `Other members cannot dial this one at what it advertises: ${shown.join("; ") || "it advertises nothing"}.`;
  const [worst] = failed.map(({ outcome }) => outcome).toSorted((a, b) => weightOf(a) - weightOf(b));
  return new FirefliesError("not-dialable", text, { advice: `${remedyOf(worst, facts)} See ${PAGE}.` });
}

function weightOf(outcome: DialOutcome | undefined): number {
  const index = outcome === undefined ? -1 : WEIGHT.indexOf(outcome);
  return index < 0 ? WEIGHT.length : index;
}

/** Of an address that some reached: undefined only if nobody tried. */
function worstOf({ results }: AddressReport): DialOutcome | undefined {
  const outcomes = results.map(({ outcome }) => outcome).filter((outcome) => outcome !== "reached");
  return outcomes.toSorted((a, b) => weightOf(a) - weightOf(b))[0];
}

function remedyOf(worst: DialOutcome | undefined, { reports, observations, hosts, ports }: Facts): string {
  const outside = outsideOf(observations, hosts);
  const isAllPrivate = reports.length > 0 && reports.every(({ address }) => isPrivateAddress(address));
  if (isAllPrivate && outside !== undefined) return forwarding(outside, ports);
  if (worst === "somebody-else")
    return "Correct what it advertises (advertise, --advertise): the address or the port is another program's.";
  if (worst === "forbidden")
    return "Listen on an address that other machines reach (--listen 0.0.0.0), or advertise one (--advertise HOST).";
  if (worst === "unresolved")
    return "Advertise a name that all members' DNS knows, or an IP address (--advertise HOST).";
  if (worst === "refused")
    return `Check that the advertised port is the one that leads here (this member listens at ${ports}), and that no firewall rejects it.`;
  if (worst === "no-transport")
    return "Advertise a tcp address as well (--listen HOST:PORT), or install that transport's package where the others run.";
  return `Let TCP and UDP to this member's ports (${ports}) through the firewall of this machine and its network. Until then members behind relays carry what it takes.`;
}

function forwarding(outside: string, ports: string): string {
  return `It sits behind a NAT: others see it come from ${outside}. Forward its ports (${ports}, TCP and UDP) at the router to this machine and advertise ${formatHostPort(outside, 0).replace(/:0$/, "")} (--advertise auto finds it by itself); or leave it as it is: relays carry what cannot be dialled.`;
}

/** Another address than this machine's that most see. */
function outsideOf(observations: readonly Observation[], hosts: ReadonlySet<string>): string | undefined {
  const seen = observations.flatMap(({ tcp, udp }) => hostOf(tcp) ?? hostOf(udp) ?? []);
  return seen.find((host) => !hosts.has(host) && rangeOf(host) === "ordinary");
}

function isPrivateAddress(text: string): boolean {
  return isPrivate(parseAddress(text)?.host ?? "");
}

/**
 * A member that advertises nothing but private addresses, while some members see it come from elsewhere and do not reach
 * it: told also where most reach it. Code "private-address"; undefined when that is not so.
 */
export function privateAdvice(facts: Facts): FirefliesError | undefined {
  const { reports, observations, hosts, ports } = facts;
  if (reports.length === 0 || !reports.every(({ address }) => isPrivateAddress(address))) return undefined;
  const apart = observations.filter(({ by, tcp, udp }) => {
    const host = hostOf(tcp) ?? hostOf(udp);
    const results = reports.flatMap(({ results: each }) => each.filter((result) => result.by === by));
    const isUnreached = results.length > 0 && results.every(({ outcome }) => outcome !== "reached");
    return host !== undefined && !hosts.has(host) && isUnreached;
  });
  const [first] = apart;
  const outside = first && (hostOf(first.tcp) ?? hostOf(first.udp));
  if (outside === undefined) return undefined;
  const addresses = reports.map(({ address }) => address).join(", ");
  const text = `This member advertises ${addresses} alone, which is private: ${apart.length} of the members asked see it come from ${outside} and do not reach it there.`;
  return new FirefliesError("private-address", text, { advice: `${forwarding(outside, ports)} See ${PAGE}.` });
}
