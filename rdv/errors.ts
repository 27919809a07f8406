/** The one error class of this room, and its codes. */
import type { RdvResponse } from "./response.js";

/**
 * What went wrong, for programs; codes never change.
 *
 * - "rdv-handshake": the HTTP upgrade failed. A client's error has the `response`, if there was one.
 * - "rdv-protocol": the other side broke rdv/1 after the upgrade.
 * - "rdv-other": no failure of the peers: they met directly, so there is nothing to relay. `address` is what the dialler
 *   reported. Only a server's handler sees it.
 * - "rdv-unreachable": there is no connection with the rendezvous server; `cause` says why.
 * - "rdv-timeout": a time-out passed.
 * - "rdv-closed": the other side left, or the server was shut down.
 * - "rdv-invalid": an argument is wrong.
 */
export const RDV_ERROR_CODES = [
  "rdv-handshake",
  "rdv-protocol",
  "rdv-other",
  "rdv-unreachable",
  "rdv-timeout",
  "rdv-closed",
  "rdv-invalid",
] as const;
export type RdvErrorCode = (typeof RDV_ERROR_CODES)[number];

interface Details {
  readonly cause?: unknown;
  /** "ip:port". */
  readonly address?: string | undefined;
  readonly response?: RdvResponse | undefined;
}

export class RdvError extends Error {
  override readonly name = "RdvError";
  readonly code: RdvErrorCode;
  /** Of "rdv-other": where the dialler said that it met its peer, as "ip:port"; undefined when it wrote no address. */
  readonly address: string | undefined;
  /** Of "rdv-handshake" in a client: what the server answered. */
  readonly response: RdvResponse | undefined;

  constructor(code: RdvErrorCode, message: string, { cause, address, response }: Details = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.address = address;
    this.response = response;
  }
}
