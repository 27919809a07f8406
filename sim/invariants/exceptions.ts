/**
 * S6: no exception leaves a machine, whatever comes in, at correct members and at liars: a liar's machine is the
 * production one and hears the same packets. Whatever a partner sends must become data with a reason.
 */
import type { Seat, Watcher } from "../actor.js";
import type { Ledger } from "./violation.js";

export function exceptions(ledger: Ledger): Watcher {
  return {
    threw(seat: Seat, error: unknown, now: number): void {
      const text = `threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
      ledger.add({ invariant: "S6", at: now, member: seat.name, text });
    },
  };
}
