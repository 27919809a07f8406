/** The members that have come to the NATS server here: each with a key of its own in it, which is made here and leaves never. */
import type { NatsPackage } from "../connection/load.js";
import type { Standing } from "./roles.js";
import type { NatsUser } from "./server-config.js";

type KeyPair = ReturnType<NatsPackage["nkeys"]["createUser"]>;

interface User {
  readonly keys: KeyPair;
  readonly entry: NatsUser;
}

export class Users {
  readonly #nkeys: NatsPackage["nkeys"];
  readonly #users = new Map<string, User>();

  constructor({ nkeys }: NatsPackage) {
    this.#nkeys = nkeys;
  }

  get entries(): readonly NatsUser[] {
    return [...this.#users.values()].map(({ entry }) => entry);
  }

  /** True when the server is to be told: of a new one, or of one that stands otherwise than before. */
  put(id: string, standing: Standing): boolean {
    const known = this.#users.get(id);
    if (known !== undefined && isSame(known.entry, standing)) return false;
    const keys = known?.keys ?? this.#nkeys.createUser();
    this.#users.set(id, { keys, entry: { nkey: keys.getPublicKey(), ...standing } });
    return true;
  }

  /** Those that `isHere` no more go; true when there were some. */
  keep(isHere: (id: string) => boolean): boolean {
    const gone = [...this.#users.keys()].filter((id) => !isHere(id));
    for (const id of gone) this.#users.delete(id);
    return gone.length > 0;
  }

  /** What CONNECT says of the member: its key and the signed nonce. Undefined for one that is not there. */
  prove(id: string, nonce: unknown): { readonly nkey: string; readonly sig: string } | undefined {
    const user = this.#users.get(id);
    if (user === undefined || typeof nonce !== "string") return undefined;
    const signature = user.keys.sign(Buffer.from(nonce));
    return { nkey: user.entry.nkey, sig: Buffer.from(signature).toString("base64url") };
  }
}

function isSame(a: Standing, b: Standing): boolean {
  const texts = ({ account, publish, subscribe }: Standing) =>
    JSON.stringify([account, publish ?? null, subscribe ?? null]);
  return texts(a) === texts(b);
}
