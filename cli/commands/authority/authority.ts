/** `fireflies ca`: serve an authority, hand out tokens, sign identities offline. */
import { constants, existsSync } from "node:fs";
import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { configOption, dirOption } from "../../api/caller/place-options.js";
import { type AccessFlags, addAccess, withAuthority } from "../../authority-access.js";
import { usage } from "../../failure.js";
import { print } from "../../output.js";
import { examples, flagsOf, type JsonOption, number, withJson } from "../common.js";
import { addAudit } from "./audit.js";
import { addImport, addPassphrase } from "./keys.js";
import { addLife } from "./life.js";
import { addBackup, addNetworks, addPrune, addRestore } from "./store.js";
import { addTokens } from "./tokens.js";

interface ServeOptions extends JsonOption {
  readonly config?: string;
  readonly whileStdin?: boolean;
  readonly [flag: string]: unknown;
}

interface TokenOptions extends AccessFlags, JsonOption {
  readonly name?: string;
  readonly uses?: number;
  readonly url?: readonly string[];
  readonly hours?: number;
}

interface SignOptions extends AccessFlags, JsonOption {
  readonly out: string;
  readonly days?: number;
}

const NO_CONFIGURATION = ["json", "config", "whileStdin"];
const HOUR_MS = 3_600_000;
const DAYS_MAX = 365;

export function addAuthority(program: Command): void {
  const command = program
    .command("ca")
    .description("serve a certificate authority; it creates itself on the first run");
  command.enablePositionalOptions();
  withJson(command)
    .addOption(dirOption("directory of its keys and records ($XDG_STATE_HOME/fireflies/ca)"))
    .option("--host <host>", "address to listen on (127.0.0.1)")
    .option("--port <port>", "port to listen on, 0 for any (8300)")
    .option("--open", "let anyone enrol under any free name: for trials, no claim about liars holds then")
    .option("--num-rings <k>", "rings of a new network")
    .option("--members <n>", "or: members that it will have at most")
    .option("--byzantine <p>", "and the share of them that may be liars")
    .option("--delta <seconds>", "Delta of a new network")
    .option("--preset <name>", "take Delta and rings of a new network from this preset")
    .option("--certificate-lifetime <seconds>", "life of members' certificates (604800)")
    .option("--boot-nodes <n>", "contacts in an answer (10)")
    .option("--store <url>", "keep the records in PostgreSQL, for several replicas: postgres://...")
    .option("--network <name>", "serve this network of the authority, if not the first")
    .option("--passphrase-file <file>", "file with the passphrase of its keys; or set FIREFLIES_CA_PASSPHRASE")
    .option("--key-uri <uri>", "make new issuing keys in a security module: pkcs11:token=T?module-path=/path.so")
    .option("--admin-port <port>", "serve health and metrics over plain HTTP on this port")
    .option("--admin-host <host>", "and on this address (127.0.0.1)")
    .option("--trust-proxy <ranges>", "balancers in front of it, by address or range, separated by commas")
    .option("--proxy-form <form>", "how they tell who calls: proxy-protocol (the default), x-forwarded-for or nothing")
    .option("--jwt <json>", "whose JWTs admit members, as a list of policies: better in the configuration's file")
    .option("--log <form>", "how it tells what it does: text, or json, one document per line, as --json (text)")
    .option("--log-level <level>", "error, warn, info or debug: what is less is not told (info)")
    .addOption(configOption())
    .option("--while-stdin", "end when standard input does, so that it never outlives its parent");
  examples(
    command,
    "ca",
    "ca --dir ./ca --host 0.0.0.0 --members 1000 --byzantine 0.2",
    "ca --dir ./ca --open --port 0 --json",
    "ca --dir ./ca --host 0.0.0.0 --trust-proxy 10.0.0.5",
    "ca token alice --dir ./ca",
    "ca sign alice --dir ./ca --out ./alice",
  );
  command.action(async (options: ServeOptions) => {
    const { resolveAuthorityConfig } = await import("../../../client/config/index.js");
    const config = resolveAuthorityConfig(options.config, { flags: flagsOf(options, NO_CONFIGURATION) });
    const { runAuthority } = await import("../../authority.js");
    await runAuthority({ config, json: options.json ?? false, whileStdin: options.whileStdin ?? false });
  });
  const subcommands = [
    addToken,
    addTokens,
    addSign,
    addLife,
    addPassphrase,
    addImport,
    addAudit,
    addNetworks,
    addBackup,
    addRestore,
    addPrune,
  ];
  for (const add of subcommands) add(command);
}

function addToken(ca: Command): void {
  const command = withJson(
    ca.command("token").description("print a token that admits a member under this name, or many by a pattern"),
  );
  addAccess(command.argument("[name]", "the member's name: the same name has the same id for ever"))
    .option("--name <pattern>", "instead: names that it admits, * for any characters; new names only")
    .option("--uses <n>", "how many members it admits (1)", number(1, Number.MAX_SAFE_INTEGER, true))
    .option("--hours <n>", "how long the token is valid, fractions too (24)", number(0.001, DAYS_MAX * 24, false))
    .option("--url <urls...>", "where members reach the authority, if not where it last listened");
  examples(
    command,
    "ca token alice --dir ./ca",
    "ca token --uses 50 --name 'web-*' --hours 2 --dir ./ca",
    "ca token alice --dir ./ca --hours 0.5 --url https://ca.example.com:8300",
  );
  command.action(async (argument: string | undefined, _: unknown, self: Command) => {
    const { json = false, name, hours, uses = 1, url: urls, ...access } = self.optsWithGlobals<TokenOptions>();
    const admitted = nameOrPattern(argument, name);
    await withAuthority(access, async (authority) => {
      const lifetimeMs = hours === undefined ? undefined : Math.round(hours * HOUR_MS);
      const token = await authority.createToken(admitted, { uses, lifetimeMs, urls });
      await print(json, { token, name: admitted, uses }, token);
    });
  });
}

function nameOrPattern(argument: string | undefined, pattern: string | undefined): string {
  const given = argument ?? pattern;
  if (given === undefined) throw usage("The token admits nobody.", "Give a name, or --name with a pattern as 'web-*'.");
  if (argument === undefined || pattern === undefined) return given;
  throw usage("There is a name, and a pattern of names.", "Give one of them.");
}

function addSign(ca: Command): void {
  const command = withJson(
    ca.command("sign").description("issue an identity into files, for a member that never meets the authority"),
  );
  addAccess(command.argument("<name>", "the member's name"))
    .requiredOption("--out <dir>", "directory to write the identity to; the member's --dir")
    .option("--days <n>", "how long the certificate is valid, fractions too (7)", number(0.001, DAYS_MAX, false));
  examples(command, "ca sign alice --dir ./ca --out ./alice", "agent --dir ./alice --no-use-ca --entry 10.0.0.5:8400");
  command.action(async (name: string, _: unknown, self: Command) => {
    const { json = false, days, out, ...access } = self.optsWithGlobals<SignOptions>();
    const { holderOf, saveIdentity } = await import("../../../identity/index.js");
    if ((await holderOf(resolve(out))) === "authority")
      throw usage(`${out} is the directory of an authority.`, "Give the member a directory of its own.");
    requireNoIdentity(resolve(out));
    await requireWritable(resolve(out)); // Before anything is signed that could not be kept.
    await withAuthority(access, async (authority) => {
      const lifetime = days === undefined ? {} : { lifetimeMs: Math.round(days * 24 * HOUR_MS) };
      const identity = await authority.createIdentity({ principal: name, ...lifetime });
      await saveIdentity(resolve(out), identity);
      const { id, notAfter } = identity.certificate;
      await print(json, { id, name, dir: resolve(out), notAfter }, `${id} was written to ${out}.`);
    });
  });
}

async function requireWritable(dir: string): Promise<void> {
  const { makeDirectory, messageOf } = await import("../../../identity/index.js");
  try {
    await makeDirectory(dir);
    await access(dir, constants.W_OK);
  } catch (cause) {
    throw new FirefliesError("output-failed", `No identity can be written to ${dir}: ${messageOf(cause)}.`, {
      cause,
      advice: "Name another directory with --out. Nothing was signed.",
    });
  }
}

/** Also half of an identity is somebody's: its key may be the only copy. */
function requireNoIdentity(dir: string): void {
  const found = ["key.pem", "certificate.pem"].filter((file) => existsSync(join(dir, file)));
  if (found.length === 0) return;
  throw new FirefliesError("identity-exists", `${dir} already holds ${found.join(" and ")}.`, {
    advice: "Choose another --out, or move the files away first.",
  });
}
