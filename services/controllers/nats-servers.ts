/** Where NATS servers are, and who one is there, as the agent's file has it: for each part of it that speaks to them. */
import { line, listOf } from "../../client/config/values.js";
import { FirefliesError, readSecret } from "../../identity/index.js";
import type { NatsServers } from "../nats/connection/connect.js";
import type { SettingTable } from "./settings.js";

export interface NatsServerSettings {
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly credentialsFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** Characters of a path or an address. */
const TEXT_MAX = 4_096;
const LIST_MAX = 64;
const text = line(TEXT_MAX);

export const NATS_SERVERS: SettingTable<NatsServerSettings> = {
  servers: { file: "servers", parse: listOf(text, LIST_MAX) },
  user: { file: "user", parse: text },
  passwordFile: { file: "password_file", parse: text },
  tokenFile: { file: "token_file", parse: text },
  credentialsFile: { file: "credentials_file", parse: text },
  caFile: { file: "ca_file", parse: text },
  certFile: { file: "cert_file", parse: text },
  keyFile: { file: "key_file", parse: text },
};

/** Rejects with the codes of files. */
export async function serversOf(settings: NatsServerSettings): Promise<NatsServers> {
  const { servers, user, credentialsFile, caFile, certFile, keyFile } = settings;
  const isTls = caFile !== undefined || certFile !== undefined || keyFile !== undefined;
  return {
    ...{ servers, user, credentialsFile },
    password: await secretOf(settings.passwordFile),
    token: await secretOf(settings.tokenFile),
    tls: isTls ? { caFile, certFile, keyFile } : undefined,
  };
}

async function secretOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const found = await readSecret(file);
  if (found === undefined) throw new FirefliesError("config-unreadable", `There is no file ${file}.`);
  return found.trim();
}
