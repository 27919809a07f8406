/**
 * Making an authority, and further networks of one: keys first, then certificates, and the record last. An authority
 * is made between two steps of a marker file, before anything is issued: after a crash in between it is made anew.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  atomicWrite,
  certificatesToPem,
  createIssuing,
  createRoot,
  FirefliesError,
  fingerprintOf,
  type Issuer,
  PUBLIC_FILE_MODE,
  randomSecret,
  readText,
  syncDirectory,
  validityOfCertificate,
} from "../../identity/index.js";
import { equalBytes, toHex } from "../../rings/index.js";
import { KeyCabinet } from "../keys/key-cabinet.js";
import type { SigningKey } from "../keys/signing-key.js";
import { constantsOf, invalid, type Settings } from "../options.js";
import { validityAt } from "../policy.js";
import { FIRST_NETWORK } from "../store/database/migrations.js";
import { openStore } from "../store/open.js";
import type { IssuerRecord, NetworkRecord, NewNetwork, Store } from "../store/store.js";
import { FILES, readCertificate } from "./directory.js";

const YEAR_MS = 365 * 86_400_000;
/** The root is the anchor that members pin; it signs issuing certificates only. */
const ROOT_LIFETIME_MS = 30 * YEAR_MS;
const ISSUING_LIFETIME_MS = 10 * YEAR_MS;
const NETWORK_ID_BYTES = 32;
const ID_SECRET_BYTES = 32;
const NAME_DIGITS = 16;

/** Makes the authority; `leftOver` are files of a first start that was not finished. */
export async function initialise(settings: Settings, leftOver: ReadonlySet<string>): Promise<void> {
  const { directory } = settings;
  const marker = join(directory, FILES.marker);
  if (await isRecorded(settings, leftOver)) return await finish(directory);
  await atomicWrite(marker, "The first start of this authority was not finished; the next one begins anew.\n");
  for (const name of leftOver) if (name !== FILES.marker) await rm(join(directory, name), { force: true });
  for (const suffix of ["-wal", "-shm"]) await rm(join(directory, FILES.database + suffix), { force: true });
  await writeState(settings);
  await finish(directory);
}

async function finish(directory: string): Promise<void> {
  await rm(join(directory, FILES.marker), { force: true });
  await syncDirectory(directory);
}

/**
 * Whether the first start got as far as its record, which is written last: then nothing is made anew, whatever left the
 * marker. Rejects when somebody else's authority is there: its keys are not here.
 */
async function isRecorded({ store: url, directory }: Settings, leftOver: ReadonlySet<string>): Promise<boolean> {
  const place = url ?? (leftOver.has(FILES.database) ? join(directory, FILES.database) : undefined);
  if (place === undefined) return false;
  const store = await openStore(place);
  const authority = await store.authority().finally(() => store.close());
  if (authority === undefined) return false;
  const root = leftOver.has(FILES.root) ? await readCertificate(directory, FILES.root) : undefined;
  if (root !== undefined && equalBytes(root, authority.root)) return true;
  throw new FirefliesError(
    "ca-state-missing",
    `The database already holds an authority, whose keys are not in ${directory}.`,
    {
      advice: `Copy ${FILES.root}, ${FILES.issuer} and its issuing keys from another replica, or take an empty database.`,
    },
  );
}

async function writeState(settings: Settings): Promise<void> {
  const { directory, store: url } = settings;
  const file = (name: keyof typeof FILES) => join(directory, FILES[name]);
  const keys = new KeyCabinet(directory, settings.keys);
  const now = settings.now();
  const networkId = randomSecret(NETWORK_ID_BYTES);
  const imported = settings.importedRoot;
  const rootKey = await (imported ? keys.save(FILES.rootKey, imported.privateKey) : keys.create(FILES.rootKey));
  const certificate = imported?.certificate ?? (await newRoot(networkId, rootKey, now));
  await atomicWrite(file("root"), certificatesToPem(certificate), PUBLIC_FILE_MODE);
  const record = newNetwork(settings, FIRST_NETWORK, networkId);
  const root = { certificate, sign: rootKey.sign };
  const network = await withIssuer(record, { keys, root, keyReference: FILES.issuerKey });
  await atomicWrite(file("issuer"), certificatesToPem(network.issuer.certificate), PUBLIC_FILE_MODE);
  // It holds the id secret; SQLite would make it as the umask says.
  if (url === undefined) await atomicWrite(file("database"), "");
  const store = await openStore(url ?? file("database"));
  const note = { kind: "authority-created", at: now, fields: { root: fingerprintOf(certificate) } };
  const authority = { root: certificate, createdAt: now, epoch: 0 };
  const outcome = await store.createAuthority(authority, network, note).finally(() => store.close());
  if (outcome === "refused") throw invalid("Another replica made its authority in this database at the same time.");
}

/**
 * One more network of the authority, with an id secret and an intermediate of its own. `rootOf` is asked for the root and
 * its key. Rejects with "ca-options-invalid" when the name is taken, or as `rootOf` does.
 */
export async function addNetwork(
  settings: Settings,
  { store, keys }: { readonly store: Store; readonly keys: KeyCabinet },
  rootOf: () => Promise<Issuer>,
): Promise<NetworkRecord> {
  const { networkName: name, directory } = settings;
  const taken = () => invalid(`The authority in ${directory} has a network ${name} already.`);
  if ((await store.networks()).some((network) => network.name === name)) throw taken();
  const root = await rootOf();
  const keyReference = `issuing-${name}.key.pem`;
  if ((await readText(join(directory, keyReference))) !== undefined) await rm(join(directory, keyReference));
  const record = newNetwork(settings, name, randomSecret(NETWORK_ID_BYTES));
  const network = await withIssuer(record, { keys, root, keyReference });
  const { ringCount, deltaMs, createdAt } = record;
  const note = { kind: "network-created", at: createdAt, fields: { name, ringCount, deltaMs } };
  if ((await store.createNetwork(network, note)) === "refused") throw taken();
  return record;
}

function newNetwork(settings: Settings, name: string, networkId: Uint8Array): NetworkRecord {
  const idSecret = randomSecret(ID_SECRET_BYTES);
  return { networkId, name, ...constantsOf(settings), idSecret, createdAt: settings.now() };
}

function newRoot(networkId: Uint8Array, rootKey: SigningKey, now: number): Promise<Uint8Array> {
  const name = `fireflies root ${toHex(networkId).slice(0, NAME_DIGITS)}`;
  return createRoot({
    name,
    spki: rootKey.spki,
    sign: rootKey.sign,
    validity: validityAt(now, ROOT_LIFETIME_MS),
  });
}

interface IssuerMaking {
  readonly keys: KeyCabinet;
  readonly root: Issuer;
  /** The name of the key's file. */
  readonly keyReference: string;
}

/** With a first intermediate, active from the start. */
async function withIssuer(network: NetworkRecord, { keys, root, keyReference }: IssuerMaking): Promise<NewNetwork> {
  const key = await keys.createIssuing(keyReference);
  await key.close();
  const certificate = await createIssuing({
    name: `fireflies issuing ${toHex(network.networkId).slice(0, NAME_DIGITS)}`,
    spki: key.spki,
    network,
    root,
    validity: validityAt(network.createdAt, ISSUING_LIFETIME_MS),
  });
  return { network, issuer: activeIssuer(certificate, keyReference, network.createdAt) };
}

/** The record of an intermediate that signs from `now` on. */
function activeIssuer(certificate: Uint8Array, keyReference: string, now: number): IssuerRecord {
  const { notBefore, notAfter } = validityOfCertificate(certificate)!;
  const times = { notBefore, notAfter, preparedAt: now, activatedAt: now, retiredAt: undefined };
  return { fingerprint: fingerprintOf(certificate), certificate, state: "active", keyReference, ...times };
}
