/** A member's own certificate and key as files, for other programs. */
import { join } from "node:path";
import {
  atomicWrite,
  CERTIFICATE_FILE,
  certificatesToPem,
  type Identity,
  KEY_FILE,
  KEY_FILE_MODE,
  PUBLIC_FILE_MODE,
  privateKeyToPem,
} from "../../identity/index.js";

/** Leaf, then issuing certificate. */
export async function writeCertificate(directory: string, { certificate }: Identity): Promise<void> {
  const { leaf, issuer } = certificate;
  await atomicWrite(join(directory, CERTIFICATE_FILE), certificatesToPem(leaf, issuer), PUBLIC_FILE_MODE);
}

export async function writePrivateKey(directory: string, { privateKey }: Identity): Promise<void> {
  await atomicWrite(join(directory, KEY_FILE), privateKeyToPem(privateKey), KEY_FILE_MODE);
}
