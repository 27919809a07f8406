/** The end of a relayed connection at the member with a reservation: what its relays hand over becomes a connection. */
import type { Duplex } from "node:stream";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { type Address, RELAY_SCHEME } from "../address.js";
import type { Path } from "../session/path.js";
import type { Protocol } from "../session/protocol.js";
import type { ByteDuplex } from "../session/session.js";
import { OPENING_MS, RELAY_PROTOCOL_LIMITS, RELAY_TAKE } from "./limits.js";
import { decodeHandover, encodeOpened, type Handover, TIME_MS_MAX } from "./messages.js";
import { RelayedDuplex } from "./relayed-duplex.js";
import { firstMessage } from "./splice.js";

export interface TakingOptions {
  /** Have I a reservation there? Nobody else hands connections over. */
  readonly isRelayOfMine: (id: MemberId) => boolean;
  /** A connection has come. Who is at the other end proves itself over it, whatever the relay says. */
  readonly accept: (connection: Duplex, from: Address) => void;
}

export class Taking {
  readonly #options: TakingOptions;

  constructor(options: TakingOptions) {
    this.#options = options;
  }

  get protocol(): Protocol {
    return {
      kind: "duplex",
      id: RELAY_TAKE,
      limits: RELAY_PROTOCOL_LIMITS.take,
      onDuplex: (relay, duplex, path) => this.#onDuplex(relay, duplex, path),
    };
  }

  #onDuplex({ id }: MemberCertificate, duplex: ByteDuplex, path: Path): void {
    const isWanted = path.kind !== "relayed" && this.#options.isRelayOfMine(id);
    if (isWanted) void this.#take(id, duplex);
    else duplex.destroy(new FirefliesError("peer-refused", "The member has no reservation with this relay."));
  }

  async #take(relay: MemberId, duplex: ByteDuplex): Promise<void> {
    const message = await firstMessage(duplex, OPENING_MS);
    const handover = message && decodeHandover(message);
    if (handover === undefined) {
      duplex.destroy(new FirefliesError("bad-frame"));
      return;
    }
    duplex.write(encodeOpened({ kind: "opened", lastsMs: TIME_MS_MAX }));
    const address = addressBehind(relay, handover);
    this.#options.accept(new RelayedDuplex(duplex, { address, lost: (cause) => cause ?? closed() }), address);
  }
}

function addressBehind(relay: MemberId, { first }: Handover): Address {
  return { scheme: RELAY_SCHEME, host: relay, port: 0, ...(first !== undefined && { path: `/${first}` }) };
}

function closed(): FirefliesError {
  return new FirefliesError("link-closed", "The relayed connection ended.");
}
