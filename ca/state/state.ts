/**
 * The authority's directory: ca.db (or a database elsewhere), root.pem, root.key.pem, issuing.pem, issuing.key.pem. A
 * missing piece is a loss, and the authority refuses to start: a new database would hand out ids twice.
 */
import { join } from "node:path";
import {
  dateProblem,
  FirefliesError,
  lookAt,
  networkOfIssuing,
  requirePrivate,
  sameNetwork,
  spkiOfCertificate,
} from "../../identity/index.js";
import { equalBytes } from "../../rings/index.js";
import { KeyCabinet } from "../keys/key-cabinet.js";
import type { SigningKey } from "../keys/signing-key.js";
import { invalid, type Settings } from "../options.js";
import { FIRST_NETWORK } from "../store/database/migrations.js";
import { openStore } from "../store/open.js";
import type { AuthorityRecord, IssuerRecord, NetworkRecord, NetworkStore, Store } from "../store/store.js";
import { initialise } from "./birth.js";
import { FILES, filesIn, readCertificate, reading, refusal, requireAuthoritys } from "./directory.js";
import { HighWater } from "./high-water.js";
import { Issuers } from "./issuers.js";

export { createDirectory } from "./directory.js";

export interface AuthorityState {
  readonly store: Store;
  /** The network that this authority serves, and its part of the store. */
  readonly network: NetworkRecord;
  readonly records: NetworkStore;
  /** Trusted root, DER. */
  readonly root: Uint8Array;
  /** The intermediates, and their keys. */
  readonly issuers: Issuers;
  /** The directory's private keys. */
  readonly keys: KeyCabinet;
  /** Lets go of the issuing keys and closes the store. */
  close(): Promise<void>;
}

/** Opens the state of the directory, or creates it when there is none and `create` is set. */
export async function openState(settings: Settings, create: boolean): Promise<AuthorityState> {
  const { directory } = settings;
  return reading(directory, async () => {
    const found = await filesIn(directory);
    if (found.size > 0) await requireAuthoritys(directory);
    if (found.size > 0 && !found.has(FILES.marker)) return load(settings);
    if (!create) throw new FirefliesError("ca-state-missing", `${directory} holds no authority.`);
    await initialise(settings, found);
    return load(settings);
  });
}

async function load(settings: Settings): Promise<AuthorityState> {
  const { directory } = settings;
  const cabinet = new KeyCabinet(directory, settings.keys);
  const keys = await readKeys(settings, cabinet);
  if (settings.store === undefined) await requireDatabase(directory);
  const store = await openStore(settings.store ?? join(directory, FILES.database));
  try {
    const authority = await store.authority();
    if (authority === undefined) throw refusal("ca-state-corrupt", directory, "its database holds no authority");
    const network = await networkOf(settings, store);
    const records = store.network(network.networkId);
    requireConsistent(directory, { authority, network, issuers: await records.issuers() }, keys);
    requireWanted(settings, network);
    requireSameRoot(settings, authority.root);
    const issuers = new Issuers({ records, directory, openKey: (name) => readKey(directory, cabinet, name) });
    const close = async () => {
      await issuers.close();
      await highWater.close();
      await store.close();
    };
    const highWater = await HighWater.open(directory, store, authority.epoch);
    requireInTime(directory, (await issuers.active()).record, settings.now());
    return { store, network, records, root: authority.root, issuers, keys: cabinet, close };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function requireDatabase(directory: string): Promise<void> {
  const path = join(directory, FILES.database);
  const found = await lookAt(path);
  if (found === undefined) {
    const elsewhere = "If its records are in PostgreSQL, say so with --store";
    throw refusal("ca-state-corrupt", directory, `${FILES.database} is gone. ${elsewhere}`);
  }
  if ("instead" in found) throw refusal("ca-state-corrupt", directory, `${FILES.database} is ${found.instead}`);
  await requirePrivate(path);
  // SQLite takes an empty file for a new database.
  if (found.size === 0) throw refusal("ca-state-corrupt", directory, `${FILES.database} is empty`);
}

async function networkOf({ networkName, directory }: Settings, store: Store): Promise<NetworkRecord> {
  const networks = await store.networks();
  const network = networks.find(({ name }) => name === networkName);
  if (network !== undefined) return network;
  const names = networks.map(({ name }) => name).join(", ");
  throw new FirefliesError(
    "ca-state-missing",
    `The authority in ${directory} has no network ${networkName}, only ${names}.`,
    { advice: `Make it with \`fireflies ca network add ${networkName}\`.` },
  );
}

interface KeyFiles {
  readonly root: Uint8Array;
  /** The first network's; those of others are in the database only. */
  readonly issuer: Uint8Array | undefined;
  /** Undefined when the operator keeps it elsewhere: it only signs issuing certificates. */
  readonly rootKey: SigningKey | undefined;
}

async function readKeys({ directory, networkName }: Settings, keys: KeyCabinet): Promise<KeyFiles> {
  const root = await readCertificate(directory, FILES.root);
  const issuer = networkName === FIRST_NETWORK ? await readCertificate(directory, FILES.issuer) : undefined;
  const rootKey = await readKey(directory, keys, FILES.rootKey);
  return { root, issuer, rootKey };
}

async function readKey(directory: string, keys: KeyCabinet, name: string): Promise<SigningKey | undefined> {
  try {
    return await keys.open(name);
  } catch (cause) {
    if (!(cause instanceof FirefliesError) || cause.code !== "identity-corrupt") throw cause;
    throw refusal("ca-state-corrupt", directory, `${name} holds no readable key that can be used here`, cause);
  }
}

interface Recorded {
  readonly authority: AuthorityRecord;
  readonly network: NetworkRecord;
  readonly issuers: readonly IssuerRecord[];
}

/** Keys, certificates and database must be those that were made together. */
function requireConsistent(directory: string, { authority, network, issuers }: Recorded, keys: KeyFiles): void {
  const mismatch = (what: string) => refusal("ca-state-mismatch", directory, what);
  if (!equalBytes(authority.root, keys.root)) throw mismatch(`${FILES.root} is not the database's`);
  // The file may be of before the last rotation.
  const { root, issuer, rootKey } = keys;
  const isKnown = issuer === undefined || issuers.some(({ certificate }) => equalBytes(certificate, issuer));
  if (!isKnown) throw mismatch(`${FILES.issuer} is not the database's`);
  if (rootKey !== undefined && !isKeyOf(rootKey, root)) {
    throw mismatch(`${FILES.rootKey} is not the key of ${FILES.root}`);
  }
  for (const { certificate } of issuers) {
    const certified = networkOfIssuing(certificate, root);
    if (certified !== undefined && sameNetwork(certified, network)) continue;
    throw mismatch(`an issuing certificate is for another network, or not signed by ${FILES.root}`);
  }
}

function isKeyOf(key: SigningKey, certificate: Uint8Array): boolean {
  const spki = spkiOfCertificate(certificate);
  return spki !== undefined && equalBytes(spki, key.spki);
}

/** Ring count and Delta are in every certificate: asking for others than the stored ones is a mistake. */
function requireWanted(
  { wantedRings, wantedDeltaMs, directory }: Settings,
  { ringCount, deltaMs }: NetworkRecord,
): void {
  if (wantedRings !== undefined && wantedRings !== ringCount) {
    throw invalid(
      `The network in ${directory} has ${ringCount} rings, not ${wantedRings}: that is fixed when it is created.`,
    );
  }
  if (wantedDeltaMs !== undefined && wantedDeltaMs !== deltaMs) {
    throw invalid(
      `The network in ${directory} has a Delta of ${deltaMs} ms, not ${wantedDeltaMs}: that is fixed when it is created.`,
    );
  }
}

/** An authority keeps its root for ever: importing another one into it is a mistake. */
function requireSameRoot({ importedRoot, directory }: Settings, root: Uint8Array): void {
  if (importedRoot === undefined || equalBytes(importedRoot.certificate, root)) return;
  throw invalid(`${directory} already holds an authority with another root.`, {
    advice: "Import into a new directory.",
  });
}

function requireInTime(directory: string, issuer: IssuerRecord, now: number): void {
  const problem = dateProblem(issuer, now);
  if (problem === undefined) return;
  throw new FirefliesError("certificate-invalid", `${join(directory, FILES.issuer)} is ${problem}.`, {
    advice: "Check this machine's clock.",
  });
}
