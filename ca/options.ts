/** The authority's options, with their defaults, checked. */
import {
  containedLogger,
  DELTA_MS_MAX,
  FirefliesError,
  type FirefliesErrorOptions,
  type ImportedRoot,
  JWT_POLICIES_MAX,
  type JwtPolicy,
  jwtPolicyProblem,
  type Logger,
} from "../identity/index.js";
import { RING_COUNT_MAX, ringsNeeded } from "../rings/index.js";
import { type KeyOptions, requirePassphrase } from "./keys/key-cabinet.js";
import { isNetworkName } from "./policy.js";
import { FIRST_NETWORK } from "./store/database/migrations.js";
import { isPostgresUrl } from "./store/database/postgres.js";

const DAY_MS = 86_400_000;
/** A network of 100 with a tenth of liars: 13 rings. */
const DEFAULT_MEMBERS = 100;
const DEFAULT_BYZANTINE = 0.1;
const DEFAULT_DELTA_MS = 1_500;
const BOOT_NODES_MAX = 100;
/** Of shorter lives a renewal would take too large a part; longer ones outlive the issuing certificate. */
const LIFETIME_MS_MIN = 2_000;
/** Members ask every few seconds at most. */
const LIST_LIFETIME_MS_MIN = 60_000;
const LIFETIME_MS_MAX = 365 * DAY_MS;

export interface AuthorityOptions extends KeyOptions {
  /** Directory of its state: ca.db, keys and certificates. */
  readonly directory: string;
  /** Where its records are: "postgres://..." for several replicas; in ca.db of the directory when left out. */
  readonly store?: string | undefined;
  /** Which of its networks ("default"); others than the first are made by `addNetwork`. */
  readonly networkName?: string | undefined;
  /** Rings of a new network; or `members` and `byzantine`. Fixed when the network is created. */
  readonly numRings?: number | undefined;
  /** Expected number of members of a new network. */
  readonly members?: number | undefined;
  /** Share of members, 0..0.5, that may lie in a new network. */
  readonly byzantine?: number | undefined;
  /** Delta of a new network, milliseconds (1,500). */
  readonly deltaMs?: number | undefined;
  /** Life of a member's certificate, milliseconds (7 days). */
  readonly certificateLifetimeMs?: number | undefined;
  /** How long after its end a certificate may still be renewed, milliseconds (one life). */
  readonly renewalGraceMs?: number | undefined;
  /** Within this time of a revocation list the next one comes, milliseconds (24 hours). */
  readonly listLifetimeMs?: number | undefined;
  /** Life of a token, milliseconds (24 hours). */
  readonly tokenLifetimeMs?: number | undefined;
  /** Contacts in an answer (10). */
  readonly bootNodes?: number | undefined;
  /** Anyone may enrol under any free name: for trials only. */
  readonly open?: boolean | undefined;
  /** JWTs of others that admit members: of a Kubernetes cluster, or of any OpenID provider (docs/enrolment.md). */
  readonly jwt?: readonly JwtPolicy[] | undefined;
  /** The root of a new authority, made elsewhere; one of its own when left out. */
  readonly importedRoot?: ImportedRoot | undefined;
  /** Where decisions and requests are logged: pino, or anything of its shape. Nowhere when left out. */
  readonly logger?: Logger | undefined;
  /** Told of every decision; must not throw. */
  readonly onDecision?: ((decision: Decision) => void) | undefined;
  /** Wall clock, unix milliseconds. */
  readonly now?: (() => number) | undefined;
}

/** What the authority decided. Holds no secret. */
export type Decision =
  | {
      readonly kind: "issued";
      readonly how: "token" | "jwt" | "open" | "renewal" | "offline";
      /** Whose JWT it was: issuer and subject. */
      readonly subject?: string;
      readonly principal: string;
      readonly id: string;
      readonly serial: string;
      readonly at: number;
    }
  /** For one name or a pattern of names; that many members. */
  | { readonly kind: "token-created"; readonly principal: string; readonly uses: number; readonly at: number }
  /** The operator says that it does not come back with what it holds. */
  | { readonly kind: "gone"; readonly principal: string; readonly id: string; readonly at: number }
  /** `token` is the SHA-256 of its secret, 64 hex digits. */
  | { readonly kind: "token-cancelled"; readonly principal: string; readonly token: string; readonly at: number }
  /** Of one certificate when there is a serial, else of the principal. */
  | {
      readonly kind: "revoked";
      readonly principal: string;
      readonly id: string;
      readonly serial?: string;
      readonly reason: string;
      readonly at: number;
    }
  | {
      readonly kind: "readmitted";
      readonly principal: string;
      readonly id: string;
      readonly generation: number;
      readonly at: number;
    }
  | {
      readonly kind: "issuer-prepared" | "issuer-activated" | "issuer-retired";
      readonly fingerprint: string;
      readonly at: number;
    }
  | { readonly kind: "refused"; readonly code: string; readonly at: number }
  | { readonly kind: "failed"; readonly error: unknown; readonly at: number };

export interface Settings {
  readonly directory: string;
  readonly store: string | undefined;
  readonly networkName: string;
  /** Undefined when no option asks for a count. */
  readonly wantedRings: number | undefined;
  readonly wantedDeltaMs: number | undefined;
  readonly certificateLifetimeMs: number;
  readonly renewalGraceMs: number;
  readonly listLifetimeMs: number;
  readonly tokenLifetimeMs: number;
  readonly bootNodes: number;
  readonly open: boolean;
  readonly keys: KeyOptions;
  readonly jwt: readonly JwtPolicy[];
  readonly importedRoot: ImportedRoot | undefined;
  /** Tells everybody who listens. */
  readonly onDecision: (decision: Decision) => void;
  /** Who is told of every decision; the program's own `onDecision` among them. */
  readonly listeners: Set<(decision: Decision) => void>;
  readonly logger: Logger;
  readonly now: () => number;
}

/** Throws "ca-options-invalid". */
export function settingsOf(options: AuthorityOptions): Settings {
  const { certificateLifetimeMs = 7 * DAY_MS, tokenLifetimeMs = DAY_MS, bootNodes = 10, deltaMs } = options;
  requireWithin("certificateLifetimeMs", certificateLifetimeMs, LIFETIME_MS_MIN, LIFETIME_MS_MAX);
  const { renewalGraceMs = certificateLifetimeMs, listLifetimeMs = DAY_MS } = options;
  requireWithin("renewalGraceMs", renewalGraceMs, 0, LIFETIME_MS_MAX);
  requireWithin("listLifetimeMs", listLifetimeMs, LIST_LIFETIME_MS_MIN, LIFETIME_MS_MAX);
  requireWithin("tokenLifetimeMs", tokenLifetimeMs, 1_000, LIFETIME_MS_MAX);
  requireWithin("bootNodes", bootNodes, 1, BOOT_NODES_MAX);
  if (deltaMs !== undefined) requireWithin("deltaMs", deltaMs, 1, DELTA_MS_MAX);
  const logger = containedLogger(options.logger);
  const listeners = new Set(options.onDecision === undefined ? [] : [options.onDecision]);
  return {
    directory: options.directory,
    store: storeOf(options),
    networkName: networkNameOf(options.networkName),
    wantedRings: wantedRings(options),
    wantedDeltaMs: deltaMs,
    certificateLifetimeMs,
    renewalGraceMs,
    listLifetimeMs,
    tokenLifetimeMs,
    bootNodes,
    open: options.open ?? false,
    keys: keyOptionsOf(options),
    jwt: jwtOf(options),
    importedRoot: options.importedRoot,
    onDecision: (decision) => {
      for (const listener of listeners) listener(decision);
    },
    listeners,
    logger,
    now: options.now ?? Date.now,
  };
}

function storeOf({ store }: AuthorityOptions): string | undefined {
  if (store === undefined || isPostgresUrl(store)) return store;
  throw invalid("store must begin with postgres://.", {
    advice: "Leave it out to keep the records in ca.db of the directory.",
  });
}

function networkNameOf(name: string = FIRST_NETWORK): string {
  if (isNetworkName(name)) return name;
  throw invalid(`A network's name is 1 to 32 of a-z, 0-9 and hyphens, not ${JSON.stringify(name)}.`);
}

function jwtOf({ jwt = [] }: AuthorityOptions): readonly JwtPolicy[] {
  if (jwt.length > JWT_POLICIES_MAX) throw invalid(`jwt has ${jwt.length} entries, over ${JWT_POLICIES_MAX}.`);
  for (const [index, policy] of jwt.entries()) {
    const problem = jwtPolicyProblem(policy);
    if (problem !== undefined) throw invalid(`jwt, entry ${index + 1}, ${problem}.`);
  }
  return jwt;
}

function keyOptionsOf({ passphrase, askPassphrase, pin, issuingKeyUri }: KeyOptions): KeyOptions {
  if (passphrase !== undefined) requirePassphrase(passphrase);
  return { passphrase, askPassphrase, pin, issuingKeyUri };
}

/** Ring count and Delta of a network that is created with these settings. */
export function constantsOf({ wantedRings, wantedDeltaMs }: Settings): { ringCount: number; deltaMs: number } {
  const ringCount = wantedRings ?? ringsNeeded({ members: DEFAULT_MEMBERS, byzantine: DEFAULT_BYZANTINE }).rings;
  return { ringCount, deltaMs: wantedDeltaMs ?? DEFAULT_DELTA_MS };
}

function wantedRings({ numRings, members, byzantine }: AuthorityOptions): number | undefined {
  if (numRings !== undefined) {
    if (members !== undefined || byzantine !== undefined)
      throw invalid("numRings and members or byzantine both decide the number of rings.", {
        advice: "Give numRings, or members and byzantine, not both.",
      });
    requireWithin("numRings", numRings, 1, RING_COUNT_MAX);
    return numRings;
  }
  if (members === undefined && byzantine === undefined) return undefined;
  return planned(members ?? DEFAULT_MEMBERS, byzantine ?? DEFAULT_BYZANTINE);
}

function planned(members: number, byzantine: number): number {
  try {
    const { rings } = ringsNeeded({ members, byzantine });
    requireWithin("the number of rings needed", rings, 1, RING_COUNT_MAX);
    return rings;
  } catch (cause) {
    if (cause instanceof RangeError) throw invalid(cause.message, { cause });
    throw cause;
  }
}

function requireWithin(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw invalid(`${name} must be a whole number from ${min} to ${max}, not ${value}.`);
}

export function invalid(message: string, options?: FirefliesErrorOptions): FirefliesError {
  return new FirefliesError("ca-options-invalid", message, options);
}
