/**
 * The transport of scheme "relay": connections through members that relay (docs/reach.md). It dials no address of the network,
 * only members that the caller knows. What a relay says is the word of a stranger: nothing that comes out of here is evidence
 * that the member at the other end is gone.
 */
import type { Duplex } from "node:stream";
import { FirefliesError } from "../../identity/index.js";
import { type MemberId, parseMemberId } from "../../rings/index.js";
import { type Address, formatAddress, RELAY_SCHEME } from "../address.js";
import { DialError } from "../transports/dial-error.js";
import type { DialTarget, Transport } from "../transports/transport.js";
import { decodeOpened } from "./messages.js";
import { RelayRefusal } from "./refusal.js";
import { RelayedDuplex } from "./relayed-duplex.js";
import type { Through } from "./through.js";

/** A connection to this member is there, by these relays, for so many milliseconds. */
export type OnOpened = (member: MemberId, address: Address, lastsMs: number) => void;

export function relayTransport(through: Pick<Through, "open">, onOpened: OnOpened = () => {}): Transport {
  return {
    scheme: RELAY_SCHEME,
    ownNames: true,
    dial: (to, target) => dial(through, onOpened, to, target),
    listen: () =>
      Promise.reject(new FirefliesError("address-invalid", "A member listens at its relays by reservations.")),
  };
}

async function dial(
  through: Pick<Through, "open">,
  onOpened: OnOpened,
  to: Address,
  { member, signal }: DialTarget,
): Promise<Duplex> {
  const text = formatAddress(to);
  const [relay, next] = viaOf(to);
  if (relay === undefined) throw new DialError("forbidden", text, { detail: "it names no relay" });
  if (member === undefined) throw new DialError("forbidden", text, { detail: "it is not said which member is wanted" });
  const { duplex, via } = await through.open({ member, relay, next, signal, address: text });
  const title = `The relay ${via.at(-1)}`;
  return new RelayedDuplex(duplex, {
    address: addressOf(via),
    first: (message) => {
      const opened = decodeOpened(message);
      if (opened?.kind === "opened") {
        onOpened(member, addressOf(via), opened.lastsMs);
        return undefined;
      }
      if (opened === undefined) return new DialError("no-route", text, { cause: new FirefliesError("bad-frame") });
      return failureOf(text, new RelayRefusal(title, opened));
    },
    lost: (cause) => new DialError("no-route", text, { cause, detail: "the relay ended it" }),
  });
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
