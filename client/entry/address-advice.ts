/**
 * What addresses alone tell an operator: that nobody on another machine can call this member, or that this member may not dial
 * what another one advertises. Both look like a network in which nobody answers.
 */
import { FirefliesError } from "../../identity/index.js";
import { parseAddress, rangeOf, refusalToDial } from "../../net/index.js";

/** The page that says how to get over it. */
const PAGE = "docs/second-machine.md";

/** Said at the start of a member that advertises nothing but loopback; undefined for others. `addresses` are "host:port". */
export function loopbackAdvice(addresses: readonly string[]): FirefliesError | undefined {
  if (addresses.length === 0 || !addresses.every((address) => kindOf(address) === "loopback")) return undefined;
  return new FirefliesError(
    "loopback-only",
    `This member is reached at ${addresses.join(", ")}, which every machine takes for itself: members on other machines cannot call it.`,
    {
      advice: `For members on other machines, listen on an address that they reach (listen, --listen 0.0.0.0), or advertise one (advertise, --advertise HOST); see ${PAGE}.`,
    },
  );
}

export interface AddressAdviceOptions {
  /** My own addresses: loopback may be dialled by those who advertise it. */
  readonly mine: () => readonly string[];
  readonly onAlarm: (alarm: FirefliesError) => void;
}

/** Dialled only by those who advertise one of the kind themselves: to all others it is another machine. */
const SHARED: readonly string[] = ["loopback", "link-local", "site-local"];

/**
 * Says once for each kind of address that there is somebody who is reached at no other, or who dials none of that kind, so at
 * most a handful of times.
 */
export class AddressAdvice {
  readonly #options: AddressAdviceOptions;
  readonly #told = new Set<string>();

  constructor(options: AddressAdviceOptions) {
    this.#options = options;
  }

  /**
   * `who` is reached at these addresses, "host:port" or "IP:port" after a look-up. May this member dial none of them? And
   * will that one dial none of mine?
   */
  look(who: string, addresses: readonly string[]): void {
    const mine = this.#options.mine();
    const others = addresses.filter((address) => !mine.includes(address));
    const [first] = others;
    if (first === undefined) return;
    const kind = kindOf(first);
    if (!others.some((address) => mayDial(address, mine))) this.#tell(kind, () => forbidden(who, others, kind, mine));
    const [own] = mine.map(kindOf);
    if (own === undefined || !mine.every((address) => SHARED.includes(kindOf(address)))) return;
    if (!mine.some((address) => mayDial(address, others)))
      this.#tell(`${own} of mine`, () => undialled(who, others, own, mine));
  }

  #tell(what: string, alarm: () => FirefliesError): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#options.onAlarm(alarm());
  }
}

function mayDial(text: string, mine: readonly string[]): boolean {
  const address = parseAddress(text);
  return address !== undefined && refusalToDial(address, mine) === undefined;
}

/** "loopback", "link-local" ...; what is no address is "no address". */
function kindOf(address: string): string {
  const parts = parseAddress(address);
  return parts === undefined ? "no address" : rangeOf(parts.host);
}

function forbidden(who: string, theirs: readonly string[], kind: string, mine: readonly string[]): FirefliesError {
  const where = `${who} is reached at ${theirs.join(", ")} (${kind})`;
  const why = `this member, at ${mine.join(", ")}, does not dial that: a note could point at any service there`;
  const remedy =
    kind === "loopback"
      ? "If it is on another machine, let it listen on an address that is reached from here (--listen 0.0.0.0, or --advertise HOST). If all are on this machine, advertise loopback here too (--advertise 127.0.0.1)"
      : "Let it advertise an address that is reached from here (--advertise HOST)";
  const others = "Others of the kind are not told of again.";
  return new FirefliesError("address-forbidden", `${where}, and ${why}. ${others}`, {
    advice: `${remedy}; see ${PAGE}.`,
  });
}

/** The same from the other side: who advertises loopback is told as well. */
function undialled(who: string, theirs: readonly string[], kind: string, mine: readonly string[]): FirefliesError {
  const text = `${who}, at ${theirs.join(", ")}, does not dial ${mine.join(", ")} (${kind}): to it such an address is its own machine. Others like it are not told of again.`;
  const advice = `If it is on another machine, listen on an address that it reaches (--listen 0.0.0.0, or --advertise HOST); if all are on this machine, let it advertise loopback as well (--advertise 127.0.0.1). See ${PAGE}.`;
  return new FirefliesError("not-dialable", text, { advice });
}
