/** What a transport brings along to be held to the contract, and the forms of a test runner that the contract needs. */
import type { Duplex } from "node:stream";
import type { Address, DialReason, Transport } from "../../net/index.js";

/** An address of which a test knows what a dial to it comes to. */
export interface Place {
  readonly address: Address;
  /** Called when the test is over. */
  readonly close?: (() => Promise<void> | void) | undefined;
}

/** Two ends that are not one transport: one side dials, the other listens. */
export interface TransportEnds {
  readonly dialling: Transport;
  readonly listening: Transport;
  /** Called when the test is over. */
  readonly close?: (() => Promise<void> | void) | undefined;
}

/** A transport under test, and what the tests must know about it. */
export interface TransportSubject {
  /** Called once for each test. */
  readonly create: () => Transport | TransportEnds | Promise<Transport | TransportEnds>;
  /** Where the tests listen. */
  readonly host: string;
  /** The dialler's host, as the listener sees it; `host` by default. */
  readonly diallerHost?: string | undefined;
  /** Where the tests listen, for transports that have paths. */
  readonly path?: string | undefined;
  /** False when its addresses have no ports, so that nothing is asked of them. Default true. */
  readonly hasPorts?: boolean | undefined;
  /** What the process holds while a place is listened at, as process.getActiveResourcesInfo() names it. */
  readonly handle?: string | undefined;
  /**
   * Dials that fail, by the reason that they must give. "refused" and "cancelled" are tested for every transport; this
   * adds what only some can meet: "no-route", "timeout", "forbidden", "local", "handshake", "unresolved".
   */
  readonly failures?: Readonly<Partial<Record<DialReason, () => Promise<Place> | Place>>> | undefined;
  /** A place that takes connections of the system and answers nothing, for transports that shake hands. */
  readonly silent?: (() => Promise<Place>) | undefined;
  /** A connection that says too little to be handed over, for transports that wait for first bytes. */
  readonly knock?: ((address: Address) => Promise<Duplex>) | undefined;
}

/** How long the tests are. The short form takes some seconds over loopback. */
export interface ContractOptions {
  /** Bytes of the large transfer, in each direction. Default 32 MiB; the long form is 1 GiB (`2 ** 30`). */
  readonly bytes?: number | undefined;
  /** Connections that live and end one after another, before handles are counted. Default 200; the long form is 10,000. */
  readonly lives?: number | undefined;
  /** Of each test, milliseconds. Default 20,000; with a long form, more. */
  readonly timeoutMs?: number | undefined;
}

/** `describe` and `test` as vitest and node:test have them. */
export interface ContractRunner {
  readonly describe: (title: string, define: () => void) => unknown;
  readonly test: (title: string, options: { readonly timeout: number }, run: () => Promise<void>) => unknown;
}
