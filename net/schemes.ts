/** The transports that a member has by itself, by the scheme of their addresses: the one table of them. */
import { FirefliesError } from "../identity/index.js";
import { type Address, formatAddress, NATS_SCHEME } from "./address.js";
import { DialError } from "./transports/dial-error.js";
import type { ConnectionGate } from "./transports/gate.js";
import type { OutPort } from "./transports/out-port.js";
import { type RdvOptions, rdvTransport } from "./transports/rdv.js";
import { type TcpOptions, tcpTransport } from "./transports/tcp.js";
import type { Transport } from "./transports/transport.js";
import { udxTransport } from "./transports/udx/udx.js";
import { type WsTls, wssTransport, wsTransport } from "./transports/ws/ws.js";
import type { UdpPort } from "./udp/port.js";

/** What transports are made with. */
export interface TransportParts {
  readonly gate?: ConnectionGate | undefined;
  /** The port that TCP dials from. */
  readonly out?: OutPort | undefined;
  /** The member's one UDP port, once it is bound. */
  readonly udp?: (() => UdpPort | undefined) | undefined;
  /** Does a punch wait for somebody from there? */
  readonly expects?: ((from: Address) => boolean) | undefined;
  /** Who takes connections of rdv/1 on the ports of TCP. */
  readonly rendezvous?: TcpOptions["rendezvous"];
  /** The certificate to listen at wss: with, and its key; asked for when it begins. Rejects with a FirefliesError. */
  readonly tls?: (() => Promise<WsTls | undefined>) | undefined;
  /** Who I am at rendezvous servers. */
  readonly meeting?: RdvOptions | undefined;
}

interface Scheme {
  readonly make: (parts: TransportParts) => Transport;
  /** May a member be told to listen there? */
  readonly listens: boolean;
  /** Where an address without a port leads. */
  readonly portDefault?: number;
  /** Addresses may have a path. */
  readonly hasPath?: boolean;
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  tcp: { make: ({ gate, out, rendezvous }) => tcpTransport({ gate, out, rendezvous }), listens: true },
  udx: { make: ({ gate, udp, expects }) => udxTransport({ gate, port: udp, expects }), listens: true },
  ws: { make: ({ gate }) => wsTransport({ gate }), listens: true, portDefault: 80, hasPath: true },
  wss: { make: wssWith, listens: true, portDefault: 443, hasPath: true },
  nats: { make: natsAbsent, listens: true, portDefault: 4222, hasPath: true },
  rdv: { make: ({ meeting }) => rdvTransport(meeting), listens: true, portDefault: 80, hasPath: true },
};

function wssWith({ gate, tls }: TransportParts): Transport {
  const dialling = wssTransport({ gate });
  return {
    ...dialling,
    listen: async (at, onConnection) => await wssTransport({ gate, tls: await tls?.() }).listen(at, onConnection),
  };
}

/** Its transport is brought along by who has NATS (fireflies/nats), in place of this one. */
function natsAbsent(): Transport {
  const problem = "Addresses of nats: need natsTransport of fireflies/nats.";
  const advice = "Give it as network.extraTransports.";
  return {
    scheme: NATS_SCHEME,
    ownNames: true,
    dial: (to) => Promise.reject(new DialError("local", formatAddress(to), { detail: problem })),
    listen: () => Promise.reject(new FirefliesError("address-invalid", problem, { advice })),
  };
}

/** Those that a member may be told to listen with. */
export const LISTEN_SCHEMES: readonly string[] = Object.keys(SCHEMES).filter((scheme) => SCHEMES[scheme]?.listens);

/** Of the addresses of others that a member dials, and its own. */
export const DIAL_SCHEMES: readonly string[] = Object.keys(SCHEMES);

/** One per scheme. */
export function standardTransports(parts: TransportParts): readonly Transport[] {
  return Object.values(SCHEMES).map(({ make }) => make(parts));
}

/** What the addresses of a scheme may look like; undefined for one that is not known. */
export function schemeOf(scheme: string): Pick<Scheme, "portDefault" | "hasPath"> | undefined {
  return Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
}
