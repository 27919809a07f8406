/** An authority as a process: serves until it is told to end, and tells its decisions on stdout. */
import { CertificateAuthority, type Decision, serveAuthority } from "../ca/index.js";
import type { AuthorityConfig } from "../client/config/index.js";
import { FirefliesError } from "../identity/error.js";
import { coloured, painter, printable, shortId, toJson, writeLine } from "./output.js";
import { fired, untilTold } from "./signals.js";

export interface AuthorityRun {
  readonly config: AuthorityConfig;
  readonly dir: string;
  readonly json: boolean;
  readonly whileStdin: boolean;
}

const OPEN_WARNING = "This authority is open: anyone may enrol under any free name, so no claim about liars holds.";

export async function runAuthority({ config, dir, json, whileStdin }: AuthorityRun): Promise<void> {
  const told = untilTold(whileStdin ? process.stdin : undefined);
  process.stdout.on("error", () => {}); // Nobody reads the log any more; the authority goes on.
  const { bootNodes, open, members, byzantine, deltaMs, ringCount: numRings } = config;
  const onDecision = (decision: Decision) => void writeLine(json ? decisionJson(decision) : decisionLine(decision));
  const authority = await CertificateAuthority.open({
    directory: dir,
    bootNodes,
    open,
    members,
    byzantine,
    deltaMs,
    numRings,
    onDecision,
  });
  try {
    const server = await listen(authority, config, dir);
    await tellListening(authority, server.urls, json);
    await fired(told);
    await server.close();
  } finally {
    await authority.close();
  }
}

/** A first start that cannot listen has made a network all the same: its rings are fixed from then on. */
async function listen(authority: CertificateAuthority, { host, port }: AuthorityConfig, dir: string) {
  try {
    return await serveAuthority(authority, { host, port });
  } catch (error) {
    if (!(error instanceof FirefliesError) || error.code !== "address-in-use") throw error;
    const kept = `The network in ${dir} was created, with ${authority.network.ringCount} rings, and is kept.`;
    throw new FirefliesError(error.code, `${error.message} Say which with --port. ${kept}`, { cause: error });
  }
}

async function tellListening(authority: CertificateAuthority, urls: readonly string[], json: boolean): Promise<void> {
  const { fingerprint, isOpen: open } = authority;
  const { ringCount: rings, deltaMs } = authority.network;
  const address = new URL(urls[0]!).host;
  if (json)
    return await writeLine(
      toJson({ event: "listening", address, fingerprint, url: urls[0], urls, open, rings, deltaMs }),
    );
  const paint = painter(coloured(process.stdout));
  await writeLine(
    `listening at  ${urls.join(", ")}\nfingerprint   ${fingerprint}\nnetwork       ${rings} rings, Delta ${deltaMs} ms`,
  );
  if (open) await writeLine(paint("yellow", OPEN_WARNING));
}

/** An error becomes its text: JSON has none. */
function decisionJson({ kind: event, ...fields }: Decision): string {
  return toJson({ event, ...fields, ...("error" in fields && { error: errorText(fields.error) }) });
}

function decisionLine(decision: Decision): string {
  const time = new Date(decision.at).toISOString().slice(11, 23);
  switch (decision.kind) {
    case "issued":
      return `${time}  issued   ${shortId(decision.id)} to ${printable(decision.principal)} (${decision.how})`;
    case "token-created":
      return `${time}  token    for ${printable(decision.principal)}`;
    case "revoked":
      return `${time}  revoked  ${decision.serial ?? shortId(decision.id)} of ${printable(decision.principal)} (${decision.reason})`;
    case "readmitted":
      return `${time}  readmit  ${printable(decision.principal)} as ${shortId(decision.id)}`;
    case "issuer-prepared":
    case "issuer-activated":
    case "issuer-retired":
      return `${time}  issuer   ${shortId(decision.fingerprint)} ${decision.kind.slice("issuer-".length)}`;
    case "refused":
      return `${time}  refused  ${decision.code}`;
    case "failed":
      return `${time}  failed   ${printable(errorText(decision.error))}`;
  }
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
