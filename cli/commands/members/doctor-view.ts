/** What an examination has found, as `fireflies doctor` shows it to people. */
import type { DoctorAddress, DoctorFinding, DoctorMember, DoctorReport } from "../../../client/reach/doctor.js";
import { age, memberTitle, shortAddress, shown, table } from "../../output.js";

const NATS: Readonly<Record<DoctorReport["nat"], string>> = {
  none: "none: others see an address of this machine",
  mapped: "yes, one port for all: punches get through",
  symmetric: "yes, another port for each (symmetric): punches get through to those who have no such NAT",
  translated: "yes, and more is not known",
  unknown: "not known: nobody has said from where it comes",
};

const DIALABLE: Readonly<Record<DoctorReport["dialable"], string>> = {
  yes: "yes",
  no: "no",
  unknown: "not known yet: its neighbours have not said",
};

/** What an agent answers: the report as JSON carries it. */
export function doctorText(report: DoctorReport, now: number): string {
  const { dialable, nat, udp, clockMs, certificateEnds, relay, listens, members, addresses, findings } = report;
  const { rings, disk, version } = report;
  const answered = members.filter((member) => member.answered).length;
  const facts = [
    ["asked", `${members.map((member) => memberTitle(member)).join(", ") || "nobody"} (${answered} answered)`],
    ["others can dial it", DIALABLE[dialable]],
    ["NAT", NATS[nat]],
    ["UDP", udpText(udp)],
    ["listens with", listens.join(", ")],
    ["clock", clockMs === undefined ? "not compared" : clockText(clockMs)],
    ["certificate", certificateEnds > now ? `ends in ${age(certificateEnds - now)}` : "has ended"],
    ["rings", `${rings.count} for ${rings.members} members: ${Math.floor(100 * rings.tolerates)} % of them may lie`],
    ["disk", disk ? diskText(disk) : "none: it is in memory"],
    ["version", versionText(version, members)],
    ["relay for others", relay.relays ? "yes" : "no"],
    ["relays of its own", relay.wanted === 0 ? "none needed" : `${relay.mine} of ${relay.wanted}`],
  ];
  const parts = [
    `${memberTitle(report)}: ${report.ok ? "nothing to do" : countedProblems(findings)}`,
    table(facts),
    ...(addresses.length > 0 ? [addressTable(addresses)] : []),
    ...(members.length > 0 ? [memberTable(members)] : []),
    ...findings.map(findingText),
  ];
  return parts.join("\n\n");
}

export function countedProblems(findings: readonly DoctorFinding[]): string {
  const problems = findings.filter(({ level }) => level === "problem").length;
  return problems === 1 ? "one thing to do" : `${problems} things to do`;
}

function udpText({ out, in: inward }: DoctorReport["udp"]): string {
  const word = (is: boolean | null | undefined) => (is === true ? "yes" : is === false ? "no" : "not tried");
  return `there and back: ${word(out)}; from members that it has not written to: ${word(inward)}`;
}

function diskText({ freeBytes, isWritable }: NonNullable<DoctorReport["disk"]>): string {
  if (!isWritable) return "may not be written to";
  return freeBytes == null ? "writable" : `${Math.floor(freeBytes / 1024 / 1024)} MiB free`;
}

function versionText(version: string, members: readonly DoctorMember[]): string {
  const others = new Set(members.flatMap((member) => member.version ?? []));
  return `${version}; those asked: ${[...others].sort().join(", ") || "not said"}`;
}

/** To a second: half a round trip is of no interest to people. */
function clockText(ms: number): string {
  if (Math.abs(ms) < 1_000) return "as theirs, to a second";
  return `${Math.round(Math.abs(ms) / 1_000)} s ${ms > 0 ? "behind" : "ahead of"} theirs`;
}

function addressTable(addresses: readonly DoctorAddress[]): string {
  const rows = addresses.map(({ address, transport, results }) => {
    const texts = results.map((result) => `${memberTitle(result)}: ${resultText(result)}`);
    return [shown(address), transport, texts.join("; ") || "nobody tried"];
  });
  return table([["ADDRESS", "TRANSPORT", "DIALLED BACK"], ...rows]);
}

function resultText({ outcome, ms }: DoctorAddress["results"][number]): string {
  return outcome === "reached" ? `reached in ${Math.round(ms)} ms` : outcome;
}

function memberTable(members: readonly DoctorMember[]): string {
  const ms = (value: number | null | undefined) => (value == null ? "-" : `${value.toFixed(1)} ms`);
  const rows = members.map((member) => [
    memberTitle(member),
    member.answered ? shown(shortAddress(member.path ?? "-")) : "no answer",
    ms(member.linkMs),
    ms(member.udpMs),
    shown(member.seesTcp ?? "-"),
    shown(member.seesUdp ?? "-"),
  ]);
  return table([["MEMBER", "CONNECTION", "CALL", "UDP", "SEES IT AT", "SEES ITS UDP AT"], ...rows]);
}

function findingText({ level, code, message, advice }: DoctorFinding): string {
  return shown(`${level}: ${message} ${advice} (${code})`);
}
