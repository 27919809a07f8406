/**
 * The end of a relayed connection at the member with a reservation: what its relays hand over becomes a connection, and a conduit
 * that they ask it to enter.
 */
import type { Duplex } from "node:stream";
import { FirefliesError, type MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import { type Address, RELAY_SCHEME } from "../address.js";
import { type Deadline, deadlineIn } from "../deadline.js";
import { conduitPath, type Path } from "../session/path.js";
import type { Protocol } from "../session/protocol.js";
import type { ByteDuplex } from "../session/session.js";
import { enterConduit } from "./conduit.js";
import {
  CONDUIT_AWAITED_MS,
  ENTERING_MAX,
  OPENING_MS,
  RELAY_ENTER,
  RELAY_PROTOCOL_LIMITS,
  RELAY_TAKE,
} from "./limits.js";
import { decodeHandover, decodeToken, encodeOpened, type Handover, TIME_MS_MAX } from "./messages.js";
import { RelayedDuplex } from "./relayed-duplex.js";
import { firstMessage } from "./splice.js";

export interface TakingOptions {
  /** Have I a reservation there? Nobody else hands connections over. */
  readonly isRelayOfMine: (id: MemberId) => boolean;
  /** A connection has come. Who is at the other end proves itself over it, whatever the relay says. */
  readonly accept: (connection: Duplex, from: Address, path?: Path) => void;
  /** A connection to this relay on which nothing was said. Rejects with a FirefliesError. */
  readonly dial: (relay: MemberId, until: Deadline) => Promise<Duplex>;
}

export class Taking {
  readonly #options: TakingOptions;
  #entering = 0;

  constructor(options: TakingOptions) {
    this.#options = options;
  }

  get protocols(): readonly Protocol[] {
    const { take, enter } = RELAY_PROTOCOL_LIMITS;
    return [
      {
        kind: "duplex",
        id: RELAY_TAKE,
        limits: take,
        onDuplex: (relay, duplex, path) => this.#onDuplex(relay, duplex, path),
      },
      {
        kind: "call",
        id: RELAY_ENTER,
        limits: enter,
        onCall: async (relay, body, _, path) => this.#onConduit(relay, body, path),
      },
    ];
  }

  #onDuplex({ id }: MemberCertificate, duplex: ByteDuplex, path: Path): void {
    const refusal = this.#refusal(id, path);
    if (refusal === undefined) void this.#take(id, duplex);
    else duplex.destroy(refusal);
  }

  #refusal(relay: MemberId, { kind }: Path): FirefliesError | undefined {
    const isWanted = kind !== "relayed" && this.#options.isRelayOfMine(relay);
    return isWanted ? undefined : new FirefliesError("peer-refused", "The member has no reservation with this relay.");
  }

  /** Answers at once: whether the dial comes through shows at the relay. */
  #onConduit({ id }: MemberCertificate, body: Uint8Array, path: Path): Uint8Array {
    const refusal = this.#refusal(id, path);
    if (refusal !== undefined) throw refusal;
    const token = decodeToken(body);
    if (token === undefined) throw new FirefliesError("bad-frame");
    if (this.#entering >= ENTERING_MAX)
      throw new FirefliesError("overloaded", "Too many conduits are entered at once.");
    void this.#enter(id, token);
    return new Uint8Array(0);
  }

  async #enter(relay: MemberId, token: Uint8Array): Promise<void> {
    this.#entering += 1;
    try {
      const connection = await this.#options.dial(relay, { deadline: deadlineIn(CONDUIT_AWAITED_MS) });
      enterConduit(connection, token);
      const path = conduitPath("accepted", relay);
      this.#options.accept(connection, path.address, path);
    } catch {
      // The relay gives the conduit up, and what there is goes on.
    } finally {
      this.#entering -= 1;
    }
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
