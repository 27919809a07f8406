/**
 * The transport of scheme "relay": connections through members that relay (docs/reach.md). It dials no address of the network,
 * only members that the caller knows. What a relay says is the word of a stranger: nothing that comes out of here is evidence
 * that the member at the other end is gone.
 */
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../identity/index.js";
import { type MemberId, parseMemberId } from "../../rings/index.js";
import { type Address, formatAddress, RELAY_SCHEME } from "../address.js";
import type { ByteDuplex } from "../session/session.js";
import { DialError } from "../transports/dial-error.js";
import type { DialTarget, Transport } from "../transports/transport.js";
import type { RelayFailure } from "./failure.js";
import { decodeOpened, type Opened } from "./messages.js";
import { RelayRefusal } from "./refusal.js";
import { RelayedDuplex } from "./relayed-duplex.js";
import type { Through } from "./through.js";

/** A relay that has said nothing for so long, milliseconds, is silent: a dial of a relay's takes less. */
const SILENT_MS = 1_500;

/** A connection that came up. */
export interface RelayOpened {
  /** By these relays. */
  readonly address: Address;
  /** Milliseconds from now, by their word. */
  readonly lastsMs: number;
  readonly connection: Pick<RelayedDuplex, "carried" | "destroyed">;
}

export interface RelayEvents {
  /** There is a connection to this member. */
  readonly onOpened?: (member: MemberId, opened: RelayOpened) => void;
  /** No connection to this member came of it, or none that was waited for. */
  readonly onFailed?: (member: MemberId, address: Address, what: RelayFailure) => void;
}

export function relayTransport(through: Pick<Through, "open">, events: RelayEvents = {}): Transport {
  return {
    scheme: RELAY_SCHEME,
    ownNames: true,
    dial: (to, target) => dial(through, events, to, target),
    listen: () =>
      Promise.reject(new FirefliesError("address-invalid", "A member listens at its relays by reservations.")),
  };
}

async function dial(
  through: Pick<Through, "open">,
  { onOpened = () => {}, onFailed = () => {} }: RelayEvents,
  to: Address,
  { member, signal }: DialTarget,
): Promise<Duplex> {
  const text = formatAddress(to);
  const [relay, next] = viaOf(to);
  if (relay === undefined) throw new DialError("forbidden", text, { detail: "it names no relay" });
  if (member === undefined) throw new DialError("forbidden", text, { detail: "it is not said which member is wanted" });
  if (signal.aborted) throw new DialError("cancelled", text);
  const { duplex, via } = await through.open({ member, relay, next, signal, address: text });
  if (signal.aborted) {
    duplex.destroy();
    throw new DialError("cancelled", text);
  }
  const title = `The relay ${via.at(-1)}`;
  const address = addressOf(via);
  const failed = (what: RelayFailure) => onFailed(member, address, what);
  const silentAt = performance.now() + SILENT_MS;
  const connection: RelayedDuplex = new RelayedDuplex(duplex, {
    address,
    unheard: (below, isOpen) => listen(below, isOpen, silentAt, failed),
    first: (message) => {
      const opened = decodeOpened(message);
      if (opened?.kind === "opened") {
        onOpened(member, { address, lastsMs: opened.lastsMs, connection });
        return undefined;
      }
      failed(failureIn(opened));
      if (opened === undefined) return new DialError("no-route", text, { cause: new FirefliesError("bad-frame") });
      return failureOf(text, new RelayRefusal(title, opened));
    },
    lost: (cause) => new DialError("no-route", text, { cause, detail: "the relay ended it" }),
  });
  return connection;
}

/**
 * Another relay was faster, or time is up. What this one does is of interest all the same: one that says nothing, or lets
 * nothing through, is not asked again among the first.
 */
function listen(below: ByteDuplex, isOpen: boolean, silentAt: number, failed: (what: RelayFailure) => void): void {
  let isOpened = isOpen;
  const over = (what?: RelayFailure) => {
    clearTimeout(timer);
    below.off("data", onData).off("close", onClose).destroy();
    if (what !== undefined) failed(what);
  };
  const onClose = () => over();
  const onData = (message: Uint8Array) => {
    const opened = isOpened ? undefined : decodeOpened(message);
    if (isOpened || opened?.kind !== "opened") over(isOpened ? undefined : failureIn(opened));
    isOpened = true;
  };
  const timer = setTimeout(() => over("silent"), Math.max(0, silentAt - performance.now()));
  timer.unref();
  below
    .on("error", () => {})
    .on("data", onData)
    .once("close", onClose)
    .resume();
}

function failureIn(opened: Opened | undefined): RelayFailure {
  if (opened?.kind !== "refused") return "cut";
  return opened.why === "absent" ? "absent" : "refused";
}

/** A relay that has no room for me has not looked for the member: that is no sign of it at all. */
function failureOf(address: string, refusal: RelayRefusal): DialError {
  const reason = refusal.why === "absent" ? "no-route" : "local";
  return new DialError(reason, address, { cause: refusal, detail: refusal.message });
}

function viaOf({ host, path = "" }: Address): readonly (MemberId | undefined)[] {
  return [parseMemberId(host), parseMemberId(path.slice(1))];
}

function addressOf([relay, next]: readonly MemberId[]): Address {
  return { scheme: RELAY_SCHEME, host: relay ?? "", port: 0, ...(next !== undefined && { path: `/${next}` }) };
}
