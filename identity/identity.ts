/**
 * A member's identity and its files: key.pem, certificate.pem (leaf, then issuing), root.pem. A new key waits in
 * key.next.pem, from before the request that asks for its certificate until the certificate is on disk, so that a
 * crash at any moment leaves either a whole identity or the key to ask again with.
 */
import type { KeyObject } from "node:crypto";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { dateProblem, hasKey, type MemberCertificate, readChain } from "./certificates/member-certificate.js";
import { FirefliesError } from "./errors/error.js";
import {
  atomicWrite,
  KEY_FILE_MODE,
  messageOf,
  PUBLIC_FILE_MODE,
  readKeyText,
  readText,
  syncDirectory,
} from "./files/files.js";
import { makeDirectory } from "./files/own-directory.js";
import { generateKeyPair, type KeyPair, privateKeyFromPem, privateKeyToPem } from "./keys/keys.js";
import { certificatesFromPem, certificatesToPem } from "./keys/pem.js";

export const KEY_FILE = "key.pem";
export const NEXT_KEY_FILE = "key.next.pem";
export const CERTIFICATE_FILE = "certificate.pem";
export const ROOT_FILE = "root.pem";

export interface Identity {
  readonly certificate: MemberCertificate;
  readonly privateKey: KeyObject;
  /** The trusted root, DER. */
  readonly root: Uint8Array;
}

export interface LoadOptions {
  /** Wall clock, unix milliseconds. */
  readonly now: number;
  /** Load also a certificate past its end, for instance to renew it. */
  readonly allowExpired?: boolean;
}

/** The key to ask for a certificate with: the one left by an unfinished enrolment or renewal, else a new one, saved before it is returned. */
export async function nextKey(directory: string): Promise<KeyPair> {
  const path = join(directory, NEXT_KEY_FILE);
  const saved = await reading(path, readKeyText);
  if (saved !== undefined) return privateKeyFromPem(saved);
  const pair = generateKeyPair();
  await making(directory);
  await atomicWrite(path, privateKeyToPem(pair.privateKey), KEY_FILE_MODE);
  return pair;
}

/** Writes all files, the key of mode 0600. Rejects with "state-write-failed"; what was there before is then still usable. */
export async function saveIdentity(directory: string, { certificate, privateKey, root }: Identity): Promise<void> {
  await making(directory);
  await atomicWrite(join(directory, NEXT_KEY_FILE), privateKeyToPem(privateKey), KEY_FILE_MODE);
  await atomicWrite(join(directory, ROOT_FILE), certificatesToPem(root), PUBLIC_FILE_MODE);
  const chain = certificatesToPem(certificate.leaf, certificate.issuer);
  await atomicWrite(join(directory, CERTIFICATE_FILE), chain, PUBLIC_FILE_MODE);
  await promoteNextKey(directory);
}

async function making(directory: string): Promise<void> {
  await makeDirectory(directory).catch((cause: unknown) => {
    throw new FirefliesError("state-write-failed", `Could not make ${directory}: ${messageOf(cause)}.`, { cause });
  });
}

async function promoteNextKey(directory: string): Promise<void> {
  await rename(join(directory, NEXT_KEY_FILE), join(directory, KEY_FILE));
  await syncDirectory(directory);
}

/**
 * Reads and checks an identity. Undefined when the directory holds none; rejects with "identity-unreadable",
 * "identity-corrupt", "identity-expired" or "key-file-permissions".
 */
export async function loadIdentity(directory: string, options: LoadOptions): Promise<Identity | undefined> {
  const [chainPem, rootPem] = await Promise.all([
    reading(join(directory, CERTIFICATE_FILE), readText),
    reading(join(directory, ROOT_FILE), readText),
  ]);
  if (chainPem === undefined && !(await hasKeyFile(directory))) return undefined;
  const { certificate, root } = parseCertificates(directory, chainPem, rootPem, options);
  const pair = await keyOf(certificate, directory);
  return { certificate, privateKey: pair.privateKey, root };
}

/** An identity as texts, as the files hold it. */
export interface IdentityPem {
  /** PKCS#8, as key.pem. */
  readonly privateKey: string;
  /** Leaf, then issuing, as certificate.pem. */
  readonly certificate: string;
  /** As root.pem. */
  readonly root: string;
}

/** Checks an identity that a program brings along. Throws "identity-corrupt" or "identity-expired". */
export function identityFromPem({ privateKey, certificate, root }: IdentityPem, options: LoadOptions): Identity {
  const where = "the option identity";
  const found = parseCertificates(where, certificate, root, options);
  const pair = privateKeyFromPem(privateKey);
  if (!hasKey(found.certificate, pair.spki)) throw corrupt(where, "key and certificate do not belong together");
  return { ...found, privateKey: pair.privateKey };
}

/** The way back. */
export function identityToPem({ certificate, privateKey, root }: Identity): IdentityPem {
  return {
    privateKey: privateKeyToPem(privateKey),
    certificate: certificatesToPem(certificate.leaf, certificate.issuer),
    root: certificatesToPem(root),
  };
}

async function hasKeyFile(directory: string): Promise<boolean> {
  return (await reading(join(directory, KEY_FILE), readText)) !== undefined;
}

function parseCertificates(
  directory: string,
  chainPem: string | undefined,
  rootPem: string | undefined,
  { now, allowExpired = false }: LoadOptions,
): Pick<Identity, "certificate" | "root"> {
  const [leaf, issuer] = certificatesFromPem(chainPem ?? "") ?? [];
  const [root] = certificatesFromPem(rootPem ?? "") ?? [];
  if (leaf === undefined || issuer === undefined) throw corrupt(directory, `${CERTIFICATE_FILE} is missing or damaged`);
  if (root === undefined) throw corrupt(directory, `${ROOT_FILE} is missing or damaged`);
  const verdict = readChain({ leaf, issuer }, root);
  if (!verdict.ok) throw corrupt(directory, `its certificate is refused (${verdict.reason})`);
  const problem = dateProblem(verdict.certificate, now);
  if (problem === "expired" && allowExpired) return { certificate: verdict.certificate, root };
  if (problem === undefined) return { certificate: verdict.certificate, root };
  throw new FirefliesError("identity-expired", datesMessage(directory, verdict.certificate, problem), {
    advice: problem === "expired" ? "Enrol again with a new token." : "Check this machine's clock.",
  });
}

function datesMessage(directory: string, { notBefore, notAfter }: MemberCertificate, problem: string): string {
  return problem === "expired"
    ? `The certificate in ${directory} ended at ${new Date(notAfter).toISOString()}.`
    : `The certificate in ${directory} begins at ${new Date(notBefore).toISOString()}.`;
}

/** The key file that belongs to the certificate; finishes what a crash interrupted. */
async function keyOf(certificate: MemberCertificate, directory: string): Promise<KeyPair> {
  const current = await readPair(join(directory, KEY_FILE));
  if (current !== undefined && hasKey(certificate, current.spki)) return current;
  const next = await readPair(join(directory, NEXT_KEY_FILE));
  if (next === undefined || !hasKey(certificate, next.spki)) {
    throw corrupt(
      directory,
      current === undefined ? `${KEY_FILE} is missing` : "key and certificate do not belong together",
    );
  }
  await promoteNextKey(directory);
  return next;
}

async function readPair(path: string): Promise<KeyPair | undefined> {
  const pem = await reading(path, readKeyText);
  return pem === undefined ? undefined : privateKeyFromPem(pem);
}

async function reading(path: string, read: (path: string) => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await read(path);
  } catch (cause) {
    if (cause instanceof FirefliesError) throw cause;
    throw new FirefliesError("identity-unreadable", `Could not read ${path}: ${messageOf(cause)}.`, { cause });
  }
}

function corrupt(directory: string, what: string): FirefliesError {
  return new FirefliesError("identity-corrupt", `The identity in ${directory} cannot be used: ${what}.`);
}
