/** What a machine is made from. */
import type { Extension } from "../rings/index.js";
import type { Recipient } from "./outputs.js";
import type { Ports } from "./ports.js";
import type { CertificateFacts } from "./records/certificate.js";
import type { Address } from "./records/note.js";
import type { Settings } from "./settings.js";
import type { SharedView } from "./view/shared-view.js";

/** What a member says of itself in its notes. What is left out stays as it is. */
export interface NewFacts {
  readonly addresses?: readonly Address[];
  readonly metadata?: Uint8Array;
  readonly extensions?: readonly Extension[];
}

export interface MachineOptions {
  /** My own, checked certificate. */
  readonly certificate: CertificateFacts;
  /** k, from the certificate. */
  readonly ringCount: number;
  readonly settings: Settings;
  readonly ports: Ports;
  /** The last mark that a `save` wrote, 0 when none is known. */
  readonly savedMark: bigint;
  /** My X25519 public key, 32 bytes. */
  readonly agreementKey: Uint8Array;
  readonly addresses: readonly Address[];
  /** At most 4 KiB. */
  readonly metadata: Uint8Array;
  /** None when left out. */
  readonly extensions?: readonly Extension[];
  /** Members to ask first. */
  readonly contacts: readonly Recipient[];
  /** Statements from an earlier life or from the authority; checked like anyone's. */
  readonly known: readonly Uint8Array[];
  /**
   * A view to start from in which my note stands, in place of joining: its epoch is mine, it counts as told, and I am ready
   * at once.
   */
  readonly shared?: SharedView;
}
