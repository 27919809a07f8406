/** How a member that listens gets in among the others: whom it asks first, when it is in, and new contacts while it is alone. */
import type { FirefliesError } from "../identity/index.js";
import { asFirefliesError, onAbort } from "../net/index.js";
import type { Contact } from "./authority.js";
import { contactsFromAuthority, type Enrolled } from "./bootstrap.js";
import { Company } from "./company.js";
import type { Member } from "./member.js";
import { type Memory, remembered } from "./recollection.js";

export interface EntryOptions {
  readonly member: Member;
  readonly enrolled: Enrolled;
  /** Fires when the client stops. */
  readonly ending: AbortSignal;
  /** The protocol runs from now on. */
  readonly onStarted: () => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

export class Entry {
  readonly #options: EntryOptions;
  #company: Company | undefined;
  #onReady: () => void = () => {};

  constructor(options: EntryOptions) {
    this.#options = options;
  }

  /** Starts the protocol; resolves when the machine is ready. Rejects with the signal's reason. */
  async join(memory: Memory, signal: AbortSignal): Promise<void> {
    const { member, onStarted } = this.#options;
    const asked = this.#askAuthority(signal);
    // Whoever remembers members need not wait for the authority to name some.
    const { isCompany, departed } = remembered(memory.statements, member.id);
    const contacts = isCompany ? [] : await asked;
    signal.throwIfAborted();
    const ready = this.#ready(signal);
    member.start(memory, contacts);
    onStarted();
    member.machine.addContacts(departed);
    if (isCompany) void asked.then((late) => this.#meet(late));
    await ready;
    this.#company = new Company({
      isAlone: () => member.machine.members().length === 0,
      find: async (signal) => this.#meet(await this.#askAuthority(signal)),
    });
  }

  /** The machine says that it has joined as far as anyone could be reached. */
  ready(): void {
    this.#onReady();
  }

  stop(): void {
    this.#company?.stop();
  }

  #ready(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const unwatch = onAbort(signal, () => reject(signal.reason));
      this.#onReady = () => {
        unwatch();
        resolve();
      };
    });
  }

  /** An authority that is away is an alarm, and no contacts. */
  async #askAuthority(signal: AbortSignal): Promise<readonly Contact[]> {
    const { enrolled, member, onAlarm } = this.#options;
    try {
      return await contactsFromAuthority(enrolled, { addresses: member.addresses, now: Date.now(), signal });
    } catch (error) {
      if (!signal.aborted) onAlarm(asFirefliesError(error, "authority-failed"));
      return [];
    }
  }

  #meet(contacts: readonly Contact[]): void {
    const { member, ending } = this.#options;
    if (!ending.aborted && contacts.length > 0) member.meet(contacts);
  }
}
