/**
 * `fireflies support-bundle`: what helps others to help, in one file that one may send: how the agent is, its view, paths,
 * examination and history. Of what names metadata or contents single fields are picked; keys, tokens and messages are left out.
 * All texts go through `scrubbed` at last.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { VERSION } from "../../../client/version.js";
import { FirefliesError } from "../../../identity/errors/error.js";
import { messageOf } from "../../../identity/files/files.js";
import { DOCTOR, explain, INFO, members, RINGS, SERVICES, STATUS, TOPICS } from "../../api/caller/calls.js";
import { ANSWER_TIMEOUT_MS, type ApiCall, ask } from "../../api/caller/client.js";
import type { AgentPlace } from "../../api/place.js";
import { outputFile } from "../../output-file.js";
import { type AgentOption, examples, withAgent } from "../common.js";

/** An examination dials what may not answer. */
const DOCTOR_TIMEOUT_MS = 30_000;
/** Files of the directory that are listed. */
const FILES_MAX = 256;
const SUPPORT_VERSION = 1;

interface BundleOptions extends AgentOption {
  readonly out: string;
}

/** Of each answer the fields that are taken: what is not named stays out, also what later versions add. */
const PICKED = {
  status: [
    ...[
      "state",
      "isolated",
      "id",
      "name",
      "addresses",
      "network",
      "rings",
      "deltaMs",
      "live",
      "suspected",
      "unreachable",
    ],
    ...["departed", "links", "certificateEnds", "clock", "version", "startedAt", "alarms"],
  ],
  info: [
    ...["id", "name", "advertised", "dialable", "observed", "nat", "rings", "tolerance", "epoch", "disabledRings"],
    ...["members", "suspected", "isolated", "links", "paths", "fingerprint", "certificateEnds", "clock", "rejected"],
    ...["datagrams", "relay", "rdv", "punches", "udx"],
  ],
  members: [
    ...["id", "name", "addresses", "services", "epoch", "state", "suspected", "reachable", "since", "reason", "gone"],
    ...["path", "via", "pathAddress", "rttMs", "whyNotBetter"],
  ],
  services: ["id", "kind", "state", "streams", "bytes", "error", "since"],
  topics: [
    ...[
      "topic",
      "subscribers",
      "backlog",
      "heldBytes",
      "published",
      "settled",
      "publishedPerSecond",
      "settledPerSecond",
    ],
  ],
} as const;

/** In place of an answer: why the question failed. */
const FAILED = "failed";

/** What stands for a secret that was found in a text. */
const SCRUBBED = "[left out]";
const SECRETS: readonly RegExp[] = [
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g,
  // Enrolment tokens; JWTs; what stands behind "Bearer"; user and password in a URL.
  /ff1\.[A-Za-z0-9_-]+/g,
  /eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g,
  /\bBearer\s+\S+/gi,
  /(?<=:\/\/)[^/\s@]+@/g,
  /(?<=\b(?:password|passphrase|secret|token)["']?\s*[:=]\s*)[^\s,;]+/gi,
];

/** All texts in a value without what looks like a secret. */
export function scrubbed(value: unknown): unknown {
  if (typeof value === "string") return SECRETS.reduce((text, secret) => text.replaceAll(secret, SCRUBBED), value);
  if (Array.isArray(value)) return value.map(scrubbed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, scrubbed(each)]));
}

function picked(value: unknown, names: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((each) => picked(each, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => name === FAILED || names.includes(name)));
}

/** The answers of an agent by their names, each the answer or what the question failed with. */
export type Answers = Readonly<Record<string, unknown>>;

export interface Machine {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  /** Of the agent's directory: no contents. */
  readonly files: readonly { readonly name: string; readonly bytes: number; readonly mode: string }[];
  /** Names of variables that configure it, without their values. */
  readonly variables: readonly string[];
}

/** What is written: no key, no token, no metadata, no message. */
export function supportBundle(answers: Answers, machine: Machine, at: number): unknown {
  const { status, info, members: view, services, topics, ...rest } = answers;
  return scrubbed({
    ...{ fireflies: "support", version: SUPPORT_VERSION, at: new Date(at).toISOString(), machine },
    status: picked(status, PICKED.status),
    info: picked(info, PICKED.info),
    members: picked(view, PICKED.members),
    services: picked(services, PICKED.services),
    topics: picked(topics, PICKED.topics),
    ...rest,
  });
}

export function addSupportBundle(program: Command): void {
  const command = withAgent(
    program
      .command("support-bundle")
      .description(
        "write how the agent is to one file, for others to help: without keys, tokens, metadata and messages",
      ),
  );
  command.requiredOption("--out <file>", "file to write, of mode 0600; it must not exist, or be - for standard output");
  examples(command, "support-bundle --out support.json", "support-bundle --dir ./a --out -");
  command.action(async (options: BundleOptions) => {
    const { json = false, out, dir } = options;
    const { checkOutput, KEY_FILE_MODE, writeOutput } = await import("../../../identity/index.js");
    const { output, name: file, print: tell } = outputFile(out, { bytes: false });
    await checkOutput(output, { isNew: true });
    const bundle = supportBundle(await answersOf(options), await machineOf(dir), Date.now());
    const text = `${JSON.stringify(bundle, (_, part: unknown) => (typeof part === "bigint" ? String(part) : part), 2)}\n`;
    await writeOutput(output, new TextEncoder().encode(text), { mode: KEY_FILE_MODE, isNew: true });
    await tell(
      json,
      { file, bytes: text.length },
      `How the agent is was written to ${file}. Read it before you send it.`,
    );
  });
}

/** An agent that is down has no answers, and that is an answer too. */
async function answersOf(place: AgentPlace): Promise<Answers> {
  const calls: readonly [name: string, call: ApiCall, timeoutMs?: number][] = [
    ["status", STATUS],
    ["info", INFO],
    ["rings", RINGS],
    ["members", members({ all: true, paths: true })],
    ["services", SERVICES],
    ["topics", TOPICS],
    ["doctor", DOCTOR, DOCTOR_TIMEOUT_MS],
  ];
  const answers = await Promise.all(
    calls.map(async ([name, call, ms]) => [name, await answer(place, call, ms)] as const),
  );
  const { id } = (Object.fromEntries(answers).info ?? {}) as { readonly id?: string };
  const explained = id === undefined ? undefined : await answer(place, explain(id));
  return { ...Object.fromEntries(answers), explained };
}

async function answer(place: AgentPlace, call: ApiCall, timeoutMs = ANSWER_TIMEOUT_MS): Promise<unknown> {
  try {
    return await ask(place, call, timeoutMs);
  } catch (error) {
    return {
      failed: error instanceof FirefliesError ? { code: error.code, message: error.message } : messageOf(error),
    };
  }
}

async function machineOf(dir: string): Promise<Machine> {
  const names = await readdir(dir).catch(() => []);
  const files = await Promise.all(
    names.slice(0, FILES_MAX).map(async (name) => {
      const found = await stat(join(dir, name)).catch(() => undefined);
      return { name, bytes: found?.size ?? 0, mode: ((found?.mode ?? 0) & 0o7777).toString(8) };
    }),
  );
  return {
    version: VERSION,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    files,
    variables: Object.keys(process.env).filter((name) => name.startsWith("FIREFLIES_")),
  };
}
