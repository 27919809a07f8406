/**
 * The private keys of an authority's directory, each a file of mode 0600: PKCS#8 in PEM, plain or under the passphrase,
 * or one line with the PKCS#11 URI of a key in a security module.
 */
import { join } from "node:path";
import {
  anyKeyFromPem,
  atomicWrite,
  encryptedKeyToPem,
  FirefliesError,
  generateKeyPair,
  isEncryptedPem,
  PASSPHRASE_MAX,
  PASSPHRASE_MIN,
  type PrivateKey,
  privateKeyToPem,
  readKeyText,
} from "../../identity/index.js";
import { isKeyUri, parseKeyUri } from "./pkcs11-uri.js";
import { keyInMemory, type SigningKey } from "./signing-key.js";

export interface KeyOptions {
  /** Opens the key files, and encrypts new ones. */
  readonly passphrase?: string | undefined;
  /** Asked once, when a file is encrypted and no passphrase was given. */
  readonly askPassphrase?: (() => Promise<string>) | undefined;
  /** PIN of the security module, when the URI names no file that holds it. */
  readonly pin?: string | undefined;
  /** Where new issuing keys are made: "pkcs11:token=LABEL?module-path=/path/to/module.so". In a file when left out. */
  readonly issuingKeyUri?: string | undefined;
}

export class KeyCabinet {
  readonly #directory: string;
  readonly #options: KeyOptions;
  #asked: Promise<string> | undefined;

  constructor(directory: string, options: KeyOptions) {
    if (options.passphrase !== undefined) requirePassphrase(options.passphrase);
    this.#directory = directory;
    this.#options = options;
  }

  /**
   * The key of a file, undefined when there is no such file. Rejects with "key-file-permissions", "passphrase-required",
   * "passphrase-wrong", "signer-unavailable", "identity-corrupt" (no readable key), or as the system does.
   */
  async open(name: string): Promise<SigningKey | undefined> {
    const text = await readKeyText(join(this.#directory, name));
    if (text === undefined) return undefined;
    if (isKeyUri(text)) return await this.#fromModule(text.trim());
    return keyInMemory(await this.#privateKey(name, text));
  }

  /** A new key in a file; on disk before this resolves. */
  async create(name: string): Promise<SigningKey> {
    return this.save(name, generateKeyPair().privateKey);
  }

  /** A new issuing key: in the security module, if there is one, else in a file. */
  async createIssuing(name: string): Promise<SigningKey> {
    const { issuingKeyUri: uri, pin } = this.#options;
    if (uri === undefined) return this.create(name);
    const { createModuleKey } = await import("./pkcs11.js");
    const { key, uri: found } = await createModuleKey(parseKeyUri(uri), pin);
    await atomicWrite(join(this.#directory, name), `${found}\n`);
    return key;
  }

  /** Writes a key of this process to a file, under the passphrase if there is one. */
  async save(name: string, privateKey: PrivateKey): Promise<SigningKey> {
    const { passphrase } = this.#options;
    const pem =
      passphrase === undefined ? privateKeyToPem(privateKey) : await encryptedKeyToPem(privateKey, passphrase);
    await atomicWrite(join(this.#directory, name), pem);
    return keyInMemory(privateKey);
  }

  async #privateKey(name: string, pem: string): Promise<PrivateKey> {
    const { passphrase } = this.#options;
    if (!isEncryptedPem(pem)) {
      if (passphrase !== undefined) throw notEncrypted(this.#directory, name);
      return anyKeyFromPem(pem);
    }
    return anyKeyFromPem(pem, passphrase ?? (await this.#ask()));
  }

  #ask(): Promise<string> | undefined {
    this.#asked ??= this.#options.askPassphrase?.();
    return this.#asked;
  }

  async #fromModule(uri: string): Promise<SigningKey> {
    const { openModuleKey } = await import("./pkcs11.js");
    return await openModuleKey(parseKeyUri(uri), this.#options.pin);
  }
}

/** Who gives a passphrase thinks that the keys are encrypted. */
function notEncrypted(directory: string, name: string): FirefliesError {
  return new FirefliesError(
    "ca-options-invalid",
    `A passphrase was given, but ${join(directory, name)} is not encrypted.`,
    { advice: `Run \`fireflies ca passphrase --dir ${directory}\` once.` },
  );
}

/** Throws "passphrase-invalid". */
export function requirePassphrase(passphrase: string): void {
  const { length } = [...passphrase];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point.
  const plain = !/[\u0000-\u001f\u007f]/.test(passphrase);
  if (length >= PASSPHRASE_MIN && length <= PASSPHRASE_MAX && plain) return;
  throw new FirefliesError("passphrase-invalid");
}
