/** How a command fails: one line on stderr, and an exit code from one table. */
import type { ErrorCode } from "../identity/errors/codes.js";
import { FirefliesError } from "../identity/errors/error.js";
import { ReplyError } from "../identity/errors/reply-error.js";
import { shown, toJson } from "./output.js";

export interface ExitCode {
  readonly code: number;
  readonly meaning: string;
  /** The error codes that end with it. What no row names ends with 1. */
  readonly errors: readonly ErrorCode[];
}

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** 128 and the number of SIGINT, as shells count. */
export const EXIT_INTERRUPTED = 130;
/** 128 and the number of SIGPIPE, as of commands that are ended by it. */
export const EXIT_UNREAD = 141;

export const EXIT_CODES: readonly ExitCode[] = [
  { code: EXIT_OK, meaning: "done", errors: [] },
  { code: EXIT_FAILED, meaning: "failed", errors: [] },
  {
    code: EXIT_USAGE,
    meaning: "wrong command line or configuration",
    errors: [
      "cli-usage",
      "config-unreadable",
      "config-unknown-key",
      "config-bad-value",
      "ca-options-invalid",
      "ca-state-missing",
    ],
  },
  {
    code: 3,
    meaning: "nobody answers: no agent on this directory, no authority or rendezvous server at this address",
    errors: [
      "agent-unreachable",
      "agent-forbidden",
      "agent-stopped",
      "control-busy",
      "control-malformed",
      "authority-unreachable",
      "rdv-unreachable",
    ],
  },
  {
    code: 4,
    meaning: "no such member or service, or several",
    errors: ["id-unknown", "id-ambiguous", "identity-unknown", "service-unknown", "ca-unknown"],
  },
  {
    code: 5,
    meaning: "refused by the authority",
    errors: [
      "token-invalid",
      "token-used",
      "token-expired",
      "token-cancelled",
      "token-required",
      "principal-invalid",
      "principal-reserved",
      "principal-refused",
      "jwt-refused",
      "jwt-unreadable",
      "principal-taken",
      "unauthenticated",
      "authority-untrusted",
    ],
  },
  {
    code: 6,
    meaning: "the directory or the port is in use",
    errors: ["state-in-use", "identity-exists", "ca-state-locked", "address-in-use"],
  },
  {
    code: 7,
    meaning: "something could not be read or written: a file, a device, a pipe",
    errors: [
      ...(["input-failed", "output-failed", "state-write-failed", "state-unreadable"] as const),
      ...(["identity-unreadable", "ca-state-unreadable", "directory-unsafe"] as const),
    ],
  },
  { code: EXIT_INTERRUPTED, meaning: "interrupted", errors: ["cancelled"] },
  { code: EXIT_UNREAD, meaning: "nobody read the output to its end, as in `fireflies members | head -1`", errors: [] },
];

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof FirefliesError)) return EXIT_FAILED;
  return EXIT_CODES.find(({ errors }) => errors.includes(error.code))?.code ?? EXIT_FAILED;
}

/** Calls of the system by which files are read, and those by which they are written (errors of `node:fs`). */
const READING: ReadonlySet<unknown> = new Set([
  ...["open", "read", "stat", "lstat", "fstat", "access", "readlink", "realpath", "scandir", "opendir"],
]);
const WRITING: ReadonlySet<unknown> = new Set([
  ...[
    "write",
    "fsync",
    "ftruncate",
    "rename",
    "link",
    "symlink",
    "unlink",
    "mkdir",
    "rmdir",
    "chmod",
    "fchmod",
    "chown",
  ],
]);

/** An error of the system that nobody gave a code on its way, as one of ours. */
export function asFailure(error: unknown): unknown {
  const { syscall, message } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (READING.has(syscall)) return new FirefliesError("input-failed", message, { cause: error });
  if (WRITING.has(syscall)) return new FirefliesError("output-failed", message, { cause: error });
  return error;
}

export function usage(message: string, advice?: string): FirefliesError {
  return new FirefliesError("cli-usage", message, { advice });
}

/** One line: what went wrong, what to do, and the stable code; as JSON when the command was asked for JSON. */
export function failureLine(error: unknown, json: boolean): string {
  if (error instanceof ReplyError) return replyLine(error, json);
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof FirefliesError ? error.code : "unexpected";
  const advice = error instanceof FirefliesError ? error.advice : undefined;
  if (json) return toJson({ error: { code, message, advice } });
  return `error: ${shown([message, advice].filter(Boolean).join(" "))} (${code})`;
}

/** What another member's handler threw for the one who asked it. Its code is not of our table, and stands beside ours. */
function replyLine({ message, code }: ReplyError, json: boolean): string {
  const ours = "handler-failed";
  if (json) return toJson({ error: { code: ours, message, reply: { code } } });
  return `error: ${shown(message)} (${[ours, code].filter(Boolean).join(", ")})`;
}
