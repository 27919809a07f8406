/** A logged-in session with one key pair of a PKCS#11 token, opened again when the module lost it. */
import { createRequire as requireFor } from "node:module"; // Banners of bundles declare `createRequire`.
import { pathToFileURL } from "node:url";
import { FirefliesError, messageOf } from "../../identity/index.js";
import type { KeyUri } from "./pkcs11-uri.js";

/** Constants of PKCS#11 v2.40, by their names there. */
const CKF_RW_SESSION = 0x2;
const CKF_SERIAL_SESSION = 0x4;
const CKU_USER = 1;
const CKO_PUBLIC_KEY = 2;
const CKO_PRIVATE_KEY = 3;
const CKK_EC = 3;
const CKA = { class: 0, token: 1, private: 2, label: 3, keyType: 0x100, id: 0x102, sensitive: 0x103, sign: 0x108 };
const CKA_VERIFY = 0x10a;
const CKA_EXTRACTABLE = 0x162;
const CKA_EC_PARAMS = 0x180;
const CKA_EC_POINT = 0x181;
const CKM_EC_KEY_PAIR_GEN = 0x1040;
const CKM_ECDSA = 0x1041;
const CKR_ALREADY_INITIALIZED = 0x191;
const CKR_USER_ALREADY_LOGGED_IN = 0x100;
/** prime256v1, an OBJECT IDENTIFIER in DER. */
const P256 = Buffer.from("06082a8648ce3d030107", "hex");
const SIGNATURE_BYTES = 64;

type Handle = Buffer;
interface Attribute {
  readonly type: number;
  readonly value?: number | boolean | string | Buffer;
}

/** As much of pkcs11js as is used here. */
interface Module {
  load(path: string): void;
  C_Initialize(): void;
  C_GetSlotList(tokenPresent: boolean): Handle[];
  C_GetTokenInfo(slot: Handle): { readonly label: string };
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_CloseSession(session: Handle): void;
  C_Login(session: Handle, user: number, pin: string): void;
  C_FindObjectsInit(session: Handle, template: readonly Attribute[]): void;
  C_FindObjects(session: Handle, max: number): Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_GetAttributeValue(session: Handle, object: Handle, template: readonly Attribute[]): { readonly value: Buffer }[];
  C_GenerateKeyPair(
    session: Handle,
    mechanism: { readonly mechanism: number },
    open: readonly Attribute[],
    secret: readonly Attribute[],
  ): unknown;
  C_SignInit(session: Handle, mechanism: { readonly mechanism: number }, key: Handle): void;
  C_SignAsync(session: Handle, data: Buffer, signature: Buffer): Promise<Buffer>;
}

/** A module is initialised once in a process, whoever uses it. */
const modules = new Map<string, Module>();

export class Pkcs11Session {
  readonly #module: Module;
  readonly #uri: KeyUri;
  readonly #pin: string;
  #session: Handle | undefined;
  #key: Handle | undefined;

  private constructor(module: Module, uri: KeyUri, pin: string) {
    this.#module = module;
    this.#uri = uri;
    this.#pin = pin;
  }

  /** Loads the module; the session is opened when it is first used. Every method throws what the module says. */
  static async load(uri: KeyUri, pin: string): Promise<Pkcs11Session> {
    return new Pkcs11Session(loadModule(uri.modulePath), uri, pin);
  }

  /** ECPoint of the public key, DER. */
  publicPoint(): Uint8Array {
    const found = this.#find(CKO_PUBLIC_KEY);
    const [point] = this.#module.C_GetAttributeValue(this.#open(), found, [{ type: CKA_EC_POINT }]);
    return new Uint8Array(point!.value);
  }

  /** Makes the pair, unless the token has one of this label: two keys of one name would be mixed up. */
  generate(): void {
    if (this.#matching(CKO_PRIVATE_KEY).length > 0) throw new Error(`the token already has a key ${this.#uri.object}`);
    const label = this.#uri.object ?? "";
    const common = [
      { type: CKA.token, value: true },
      { type: CKA.label, value: label },
      { type: CKA.id, value: Buffer.from(label) },
    ];
    const open = [...common, { type: CKA_VERIFY, value: true }, { type: CKA_EC_PARAMS, value: P256 }];
    const secret = [
      ...common,
      { type: CKA.private, value: true },
      { type: CKA.sensitive, value: true },
      { type: CKA_EXTRACTABLE, value: false },
      { type: CKA.sign, value: true },
    ];
    this.#module.C_GenerateKeyPair(this.#open(), { mechanism: CKM_EC_KEY_PAIR_GEN }, open, secret);
  }

  /** r || s over a SHA-256 digest. A session that the module lost is opened again, once. */
  async sign(digest: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#sign(digest);
    } catch {
      this.close();
      return await this.#sign(digest);
    }
  }

  close(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#key = undefined;
    if (session === undefined) return;
    try {
      this.#module.C_CloseSession(session);
    } catch {
      // The module lost it before.
    }
  }

  async #sign(digest: Uint8Array): Promise<Uint8Array> {
    const session = this.#open();
    this.#key ??= this.#find(CKO_PRIVATE_KEY);
    this.#module.C_SignInit(session, { mechanism: CKM_ECDSA }, this.#key);
    const signature = await this.#module.C_SignAsync(session, Buffer.from(digest), Buffer.alloc(SIGNATURE_BYTES));
    if (signature.length !== SIGNATURE_BYTES) throw new Error(`a signature of ${signature.length} bytes`);
    return new Uint8Array(signature);
  }

  #open(): Handle {
    if (this.#session !== undefined) return this.#session;
    const module = this.#module;
    const slots = module.C_GetSlotList(true);
    const slot = slots.find((each) => module.C_GetTokenInfo(each).label.trimEnd() === this.#uri.token);
    if (slot === undefined) throw new Error(`there is no token ${this.#uri.token}`);
    const session = module.C_OpenSession(slot, CKF_RW_SESSION | CKF_SERIAL_SESSION);
    this.#session = session;
    ignoring(CKR_USER_ALREADY_LOGGED_IN, () => module.C_Login(session, CKU_USER, this.#pin));
    return session;
  }

  #find(kind: number): Handle {
    const found = this.#matching(kind);
    if (found.length === 1) return found[0]!;
    throw new Error(
      `the token has ${found.length === 0 ? "no key" : "several keys"} ${this.#uri.object ?? "(without a name)"}`,
    );
  }

  #matching(kind: number): Handle[] {
    const session = this.#open();
    const template = [
      { type: CKA.class, value: kind },
      { type: CKA.keyType, value: CKK_EC },
      { type: CKA.label, value: this.#uri.object ?? "" },
    ];
    this.#module.C_FindObjectsInit(session, template);
    try {
      return this.#module.C_FindObjects(session, 2);
    } finally {
      this.#module.C_FindObjectsFinal(session);
    }
  }
}

function loadModule(path: string): Module {
  const known = modules.get(path);
  if (known !== undefined) return known;
  const { PKCS11 } = loadAddon();
  const module = new PKCS11();
  module.load(path);
  ignoring(CKR_ALREADY_INITIALIZED, () => module.C_Initialize());
  modules.set(path, module);
  return module;
}

interface Addon {
  readonly PKCS11: new () => Module;
}

/** pkcs11js beside this package, or else in the working directory, as for a command that is installed for all users. */
function loadAddon(): Addon {
  const places = [import.meta.url, pathToFileURL(`${process.cwd()}/`).href];
  const failures: unknown[] = [];
  for (const place of places) {
    try {
      return requireFor(place)("pkcs11js") as Addon;
    } catch (error) {
      failures.push(error);
    }
  }
  const why = messageOf(failures[0]).split("\n")[0];
  throw new FirefliesError(
    "signer-unavailable",
    `Security modules need the package pkcs11js, which cannot be loaded: ${why}.`,
    { cause: failures[0], advice: "Run `npm install pkcs11js@2.1.7` beside this package." },
  );
}

/** Two that use one module in a process meet each other's initialisation and login. */
function ignoring(code: number, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== code) throw error;
  }
}
