/** A plan from JSON that somebody wrote: checked field by field, because it may come from another version or by hand. */
import { checkSettings, LAN, type Settings } from "../../gossip/index.js";
import { RING_COUNT_MAX } from "../../rings/index.js";
import { BYTES_PER_SECOND_MAX, MEMBERS_MAX, SECONDS_MAX, SEED_MAX } from "../limits.js";
import { FAULT_KINDS, type FaultKind, LATENCIES, type Plan, type PlannedFault } from "./plan.js";

type Json = Readonly<Record<string, unknown>>;

const MS_MAX = 1_000 * SECONDS_MAX;
const FAULTS_MAX = 100_000;
/** Somebody must be there to be dialled. */
const NAT_MAX = 0.99;

/** Fields of each fault beyond `kind` and `at`, each with its check. */
const FAULT_FIELDS: Readonly<Record<FaultKind, Readonly<Record<string, (value: unknown) => boolean>>>> = {
  crash: { member: isCount, back: isReturn },
  stall: { member: isCount, lasts: isTime },
  leave: { member: isCount },
  revoke: { member: isCount },
  describe: { member: isCount },
  renew: { member: isCount },
  expire: { member: isCount, renewedAfter: isTime },
  rotate: { lasts: isTime },
  join: {},
  skew: { member: isCount, ms: (value) => isNumber(value, -MS_MAX, MS_MAX) },
  partition: { lasts: isTime, share: isShare, oneWay: (value) => typeof value === "boolean" },
  loss: { lasts: isTime, loss: isShare },
  egress: { lasts: isTime, member: isCount, loss: isShare },
  ingress: { lasts: isTime, member: isCount, loss: isShare },
  spikes: { lasts: isTime, links: isShare, delayed: isShare, delayMs: isTime },
  remap: { member: isCount },
  relays: { lasts: isTime, period: (value) => isNumber(value, 1_000, MS_MAX) },
  flapping: { lasts: isTime, member: isCount, period: (value) => isNumber(value, 1, MS_MAX) },
};

const OPTIONAL: ReadonlySet<string> = new Set(["back", "renewedAfter"]);

/** Throws RangeError, which names the field, for what is no plan. */
export function parsePlan(text: string): Plan {
  const plan = objectOf(parseJson(text), "a plan");
  const members = whole(plan, "members", 1, MEMBERS_MAX);
  return {
    seed: whole(plan, "seed", 0, SEED_MAX),
    members,
    byzantine: whole(plan, "byzantine", 0, members - 1),
    rings: whole(plan, "rings", 1, RING_COUNT_MAX),
    countExposed: plan.countExposed === true,
    adversaries: listOf(plan, "adversaries").map((name) => {
      if (typeof name === "string") return name;
      throw new RangeError("adversaries must be names");
    }),
    seconds: number(plan, "seconds", 0, SECONDS_MAX),
    start: oneOf(plan, "start", ["whole", "joining"]),
    crypto: oneOf(plan, "crypto", ["fake", "p256"]),
    settings: settingsOf(plan),
    network: networkOf(plan),
    ...(plan.nat !== undefined && { nat: number(plan, "nat", 0, NAT_MAX) }),
    faults: faultsOf(plan),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RangeError("it is no JSON");
  }
}

function settingsOf(plan: Json): Settings {
  const given = objectOf(plan.settings, "settings");
  const names = Object.keys(LAN) as (keyof Settings)[];
  const settings = Object.fromEntries(names.map((name) => [name, number(given, name, 0, MS_MAX)]));
  checkSettings(settings as unknown as Settings);
  return settings as unknown as Settings;
}

function networkOf(plan: Json): Plan["network"] {
  const network = objectOf(plan.network, "network");
  return {
    latency: oneOf(network, "latency", Object.keys(LATENCIES) as (keyof typeof LATENCIES)[]),
    loss: number(network, "loss", 0, 1),
    duplicates: number(network, "duplicates", 0, 1),
    reordering: number(network, "reordering", 0, 1),
    bytesPerSecond:
      (network.bytesPerSecond ?? null) === null ? null : number(network, "bytesPerSecond", 1, BYTES_PER_SECOND_MAX),
  };
}

function faultsOf(plan: Json): PlannedFault[] {
  const faults = listOf(plan, "faults");
  if (faults.length > FAULTS_MAX) throw new RangeError(`there may be ${FAULTS_MAX} faults at most`);
  return faults.map((fault, index) => {
    const what = `fault ${index}`;
    const given = objectOf(fault, what);
    const kind = oneOf(given, "kind", FAULT_KINDS);
    const fields = Object.entries({ at: isTime, ...FAULT_FIELDS[kind] });
    const wrong = fields.find(([name, isRight]) => !(isRight(given[name]) || (OPTIONAL.has(name) && !(name in given))));
    if (wrong) throw new RangeError(`${what} (${kind}) has no valid "${wrong[0]}"`);
    return given as unknown as PlannedFault;
  });
}

function objectOf(value: unknown, what: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new RangeError(`${what} must be an object`);
}

function listOf(from: Json, name: string): unknown[] {
  const value = from[name];
  if (Array.isArray(value)) return value;
  throw new RangeError(`${name} must be a list`);
}

function number(from: Json, name: string, min: number, max: number): number {
  const value = from[name];
  if (isNumber(value, min, max)) return value as number;
  throw new RangeError(`${name} must be a number from ${min} to ${max}`);
}

function whole(from: Json, name: string, min: number, max: number): number {
  const value = number(from, name, min, max);
  if (Number.isInteger(value)) return value;
  throw new RangeError(`${name} must be a whole number`);
}

function oneOf<T extends string>(from: Json, name: string, values: readonly T[]): T {
  const value = values.find((each) => each === from[name]);
  if (value !== undefined) return value;
  throw new RangeError(`${name} must be one of ${values.join(", ")}`);
}

function isNumber(value: unknown, min: number, max: number): boolean {
  return typeof value === "number" && value >= min && value <= max;
}

function isCount(value: unknown): boolean {
  return isNumber(value, 0, MEMBERS_MAX) && Number.isInteger(value);
}

function isTime(value: unknown): boolean {
  return isNumber(value, 0, MS_MAX);
}

function isShare(value: unknown): boolean {
  return isNumber(value, 0, 1);
}

function isReturn(value: unknown): boolean {
  const { after, keepState } = (value ?? {}) as Json;
  return isTime(after) && typeof keepState === "boolean";
}
