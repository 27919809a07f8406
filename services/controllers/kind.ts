/** A kind of controller: what is configured under a name, and runs for as long as its member does. */
import type { Client } from "../../client/client.js";
import type { RawSetting } from "../../client/config/layers.js";
import type { FirefliesError } from "../../identity/index.js";

/** What every controller counts. */
export interface ControllerFigures {
  /** Open now: connections, streams, requests. */
  readonly streams: number;
  /** Since it was started. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** What went wrong last, without ending it. */
  readonly lastError?: { readonly code: string; readonly message: string; readonly at: number } | undefined;
}

export interface RunningController {
  /** Where it listens, or leads to, for people; undefined where that says nothing. */
  readonly at?: string | undefined;
  figures(): ControllerFigures;
  /** Takes nothing more, and ends what is open. */
  stop(): Promise<void>;
}

/** What a controller tells. */
export interface ControllerReport {
  /** Something happened that its operator should see, as a member that was refused. */
  event(event: string, fields: object, text: string): void;
  /** It runs no longer, and is to be started again. */
  failed(error: FirefliesError): void;
}

/** Where a service was said, for messages. */
export interface Where {
  readonly id: string;
  readonly where: string;
}

export interface ControllerKind<S> {
  readonly kind: string;
  /** Throws "config-unknown-key" or "config-bad-value", with the line and the nearest key. */
  readonly parse: (settings: readonly RawSetting[], at: Where) => S;
  /** Rejects when it cannot be started now; it is tried again. */
  start(client: Client, settings: S, report: ControllerReport): Promise<RunningController>;
  /** It is a part of the member itself, of which there is one. */
  readonly isSingle?: true;
}
