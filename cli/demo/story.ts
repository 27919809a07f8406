/** The story: what happens, step by step. Every wait is for what a member tells, with a deadline. */
import { setTimeout as sleep } from "node:timers/promises";
import { DRAIN_MS } from "../../client/talk/drain-deadline.js";
import { FirefliesError } from "../../identity/index.js";
import * as calls from "../api/caller/calls.js";
import { ask, type FrameConnection, openFrames } from "../api/caller/client.js";
import type { AgentPlace } from "../api/place.js";
import { shortId } from "../output.js";
import { type MemberView, membersTable } from "../views.js";
import { Liar, type Lie } from "./liar.js";
import type { ProcessEvent } from "./process.js";
import { MEMBER_NAMES, type MemberName, type Stage } from "./stage.js";

export interface Told {
  /** One sentence for people. */
  readonly text: string;
  /** The same for programs. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface Step {
  readonly name: string;
  readonly title: string;
  /** Milliseconds; generous, because a demonstration may run on a busy laptop. */
  readonly deadlineMs: number;
  readonly run: (stage: Stage, signal: AbortSignal) => Promise<Told>;
}

const STREAM_MESSAGES = 64;
/** Between two questions to a witness, milliseconds: the figure told is as exact as this. */
const ASK_PAUSE_MS = 20;
const STREAM_MESSAGE_BYTES = 16 * 1024;

export const STORY: readonly Step[] = [
  { name: "authority", title: "An authority creates itself", deadlineMs: 30_000, run: authority },
  { name: "join", title: "Five members enrol with one-time tokens and join", deadlineMs: 60_000, run: join },
  { name: "members", title: "ada lists who is there", deadlineMs: 15_000, run: members },
  { name: "message", title: "ada sends ben a signed message", deadlineMs: 15_000, run: message },
  { name: "gossip", title: "ada gossips to her neighbours", deadlineMs: 60_000, run: gossip },
  { name: "stream", title: "ada opens a stream to cleo", deadlineMs: 20_000, run: stream },
  { name: "kill", title: "dan is killed with kill -9", deadlineMs: 60_000, run: kill },
  { name: "accusation", title: "A Byzantine member accuses somebody falsely", deadlineMs: 60_000, run: accusation },
  { name: "restart", title: "dan is started again from his directory", deadlineMs: 60_000, run: restart },
  { name: "leave", title: "eva leaves in good order", deadlineMs: 30_000, run: leave },
  {
    name: "return",
    title: "eva comes back",
    deadlineMs: 60_000,
    run: (stage, signal) => restart(stage, signal, "eva"),
  },
];

async function authority(stage: Stage, signal: AbortSignal): Promise<Told> {
  const { address, fingerprint } = await stage.startAuthority(signal);
  const text = `it listens at ${address}; its fingerprint begins with ${fingerprint?.slice(0, 12)}`;
  return { text, facts: { address, fingerprint } };
}

async function join(stage: Stage, signal: AbortSignal): Promise<Told> {
  const tokens = new Map<MemberName, string>();
  for (const name of MEMBER_NAMES) tokens.set(name, await stage.token(name));
  const argumentsOf = (name: MemberName) => [
    "--join",
    tokens.get(name)!,
    ...(name === "ben" ? ["--reply", "Hello ada!"] : []),
  ];
  const started = performance.now();
  await Promise.all(MEMBER_NAMES.map((name) => stage.startMember(name, argumentsOf(name), signal)));
  for (const seen of MEMBER_NAMES) await othersTell(stage, seen, "joined", new Map(), signal);
  const wholeMs = Math.round(performance.now() - started);
  const ids = Object.fromEntries(MEMBER_NAMES.map((name) => [name, stage.idOf(name)]));
  const text = `all five views were whole ${wholeMs} ms after the processes began; see it at ${stage.page}`;
  return { text, facts: { wholeMs, ids, page: stage.page } };
}

function agentOf(stage: Stage, name: string): AgentPlace {
  return { dir: stage.dirOf(name) };
}

async function members(stage: Stage): Promise<Told> {
  const listed = (await ask(agentOf(stage, "ada"), calls.members())) as readonly MemberView[];
  const table = membersTable(listed, Date.now()).replaceAll("\n", "\n    ");
  return { text: table, facts: { members: listed.map(({ name, id, metadata }) => ({ name, id, metadata })) } };
}

async function message(stage: Stage): Promise<Told> {
  const data = Buffer.from("Hello ben!");
  const id = stage.idOf("ben");
  const value = await ask(agentOf(stage, "ada"), calls.send({ to: "ben", data, timeoutMs: 10_000 }));
  const reply = Buffer.from((value as { reply: string }).reply, "base64").toString("utf8");
  if (reply !== "Hello ada!") throw new FirefliesError("demo-failed", `ben answered ${JSON.stringify(reply)}.`);
  return { text: `"${data}" was answered with "${reply}"`, facts: { to: id, reply } };
}

async function gossip(stage: Stage, signal: AbortSignal): Promise<Told> {
  const since = stage.marks();
  const text = "It is a fine day";
  await ask(agentOf(stage, "ada"), calls.gossip(Buffer.from(text)));
  const from = stage.idOf("ada");
  const heard = (event: ProcessEvent) => event.event === "gossip" && event.from === from && event.text === text;
  const others = MEMBER_NAMES.filter((name) => name !== "ada");
  await stage.allTell(others, { what: "they heard ada's gossip", matches: heard }, since, signal);
  return { text: `${others.join(", ")} heard "${text}"`, facts: { heard: others } };
}

async function stream(stage: Stage, signal: AbortSignal): Promise<Told> {
  const connection = await openFrames(agentOf(stage, "ada"), calls.stream("cleo"), signal);
  let bytes = 0;
  const writing = writeAll(connection);
  for await (const frame of connection.frames) {
    if (frame.kind === "data") bytes += frame.data.length;
    if (frame.kind === "end") break;
  }
  await writing;
  connection.close();
  const expected = STREAM_MESSAGES * STREAM_MESSAGE_BYTES;
  if (bytes !== expected) throw new FirefliesError("demo-failed", `${bytes} of ${expected} bytes came back from cleo.`);
  return { text: `${bytes / 1024} KiB went there and came back; then both sides closed`, facts: { bytes } };
}

async function writeAll(connection: FrameConnection): Promise<void> {
  const data = Buffer.alloc(STREAM_MESSAGE_BYTES, "fireflies ");
  for (let count = 0; count < STREAM_MESSAGES; count++) await connection.send("data", data);
  await connection.send("end");
}

export async function kill(stage: Stage, signal: AbortSignal, victim: MemberName = "dan"): Promise<Told> {
  const since = stage.marks();
  await stage.kill(victim);
  const killed = performance.now();
  const elapsed = () => Math.round(performance.now() - killed);
  let suspectedMs: number | undefined;
  const noticed = (event: ProcessEvent) =>
    (event.event === "suspected" || event.event === "failed") && event.id === stage.idOf(victim);
  const first = othersOf(stage, victim).map((name) =>
    stage.process(name).waitFor(noticed, since.get(name) ?? 0, signal),
  );
  Promise.any(first).then(
    () => {
      suspectedMs = elapsed();
    },
    () => {},
  );
  await othersTell(stage, victim, "failed", since, signal);
  const removedMs = elapsed();
  const text = `suspected after ${suspectedMs} ms, removed from all views after ${removedMs} ms`;
  return { text, facts: { id: stage.idOf(victim), suspectedMs, removedMs } };
}

async function accusation(stage: Stage, signal: AbortSignal): Promise<Told> {
  const since = stage.marks();
  const liar = new Liar(stage.dirOf("mallory"), await stage.token("mallory"));
  try {
    await liar.join(othersOf(stage, "dan").length, signal);
    const seen = {
      what: "mallory joined",
      matches: ({ event, id }: ProcessEvent) => event === "joined" && id === liar.id,
    };
    await stage.allTell(othersOf(stage, "dan"), seen, since, signal);
    stage.introduceGuest("mallory", liar.id);
    const lied = performance.now();
    const { victim, ring, epoch } = await liar.lie();
    const name = MEMBER_NAMES.find((each) => stage.idOf(each) === victim)!;
    await Promise.all(othersOf(stage, name).map((witness) => answerSeen(stage, witness, { victim, epoch }, signal)));
    const answeredMs = Math.round(performance.now() - lied);
    await requireInnocent(stage, name, ring);
    const text = `mallory accused ${name} on ring ${ring}; ${name} answered with a new note, seen by all after ${answeredMs} ms`;
    return { text, facts: { liar: liar.id, victim, ring, answeredMs } };
  } finally {
    await liar.leave();
    stage.dismissGuest("mallory");
  }
}

/**
 * Holds the witness a newer note of the victim? Asked for, because it need not tell of one: where the answer comes
 * before the accusation, nothing has ever stood against the victim.
 */
async function answerSeen(
  stage: Stage,
  witness: MemberName,
  lie: Omit<Lie, "ring">,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const members = (await ask(agentOf(stage, witness), calls.members())) as readonly { id: string; epoch: string }[];
    if (members.some(({ id, epoch }) => id === lie.victim && BigInt(epoch) > lie.epoch)) return;
    await sleep(ASK_PAUSE_MS, undefined, { signal });
  }
}

/** The victim is in all views, and no longer listens to the liar on that ring. */
async function requireInnocent(stage: Stage, victim: MemberName, ring: number): Promise<void> {
  const info = (await ask(agentOf(stage, victim), calls.INFO)) as { disabledRings: readonly number[] };
  if (!info.disabledRings.includes(ring))
    throw new FirefliesError("demo-failed", `${victim} has not disabled ring ${ring}.`);
  for (const name of othersOf(stage, victim)) {
    const members = (await ask(agentOf(stage, name), calls.members())) as readonly { id: string }[];
    if (members.some(({ id }) => id === stage.idOf(victim))) continue;
    throw new FirefliesError("demo-failed", `${name} no longer sees ${victim}, which was accused falsely.`);
  }
}

export async function restart(stage: Stage, signal: AbortSignal, name: MemberName = "dan"): Promise<Told> {
  const since = stage.marks();
  const before = stage.idOf(name);
  const started = performance.now();
  const { id } = await stage.startMember(name, [], signal);
  if (id !== before) throw new FirefliesError("demo-failed", `${name} came back as ${id}, not as ${before}.`);
  await othersTell(stage, name, "joined", since, signal);
  const backMs = Math.round(performance.now() - started);
  for (const other of othersOf(stage, name)) await seen(stage, name, other, signal);
  const text = `${name} has the same id, ${shortId(before)}, and was in all views ${backMs} ms after the process began`;
  return { text, facts: { id, name, backMs } };
}

/** The member tells that it sees another one. */
async function seen(stage: Stage, name: MemberName, other: MemberName, signal: AbortSignal): Promise<void> {
  const id = stage.idOf(other);
  const matches = (told: ProcessEvent) => told.event === "joined" && told.id === id;
  await stage.allTell([name], { what: `${other} joined`, matches }, new Map(), signal);
}

async function leave(stage: Stage, signal: AbortSignal): Promise<Told> {
  const since = stage.marks();
  await ask(agentOf(stage, "eva"), calls.leave(DRAIN_MS), 15_000);
  await othersTell(stage, "eva", "left", since, signal);
  stage.blank("eva");
  return { text: "the others saw her leave: no failure, no suspicion", facts: { id: stage.idOf("eva") } };
}

/** The members that run, besides one. */
function othersOf(stage: Stage, name: MemberName): MemberName[] {
  return MEMBER_NAMES.filter((other) => other !== name && stage.process(other).isRunning);
}

async function othersTell(
  stage: Stage,
  name: MemberName,
  event: "joined" | "failed" | "left",
  since: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const id = stage.idOf(name);
  const matches = (told: ProcessEvent) => told.event === event && told.id === id;
  await stage.allTell(othersOf(stage, name), { what: `${name} ${event}`, matches }, since, signal);
}
