/** Calls of gRPC as they are counted: by the service's full name, and by how they ended. */
import type { Tallies } from "../traffic/tallies.js";
import { OK, type Tally } from "../traffic/tally.js";

/** By number: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md. */
const CODES = [
  ...[OK, "cancelled", "unknown", "invalid-argument", "deadline-exceeded", "not-found", "already-exists"],
  ...["permission-denied", "resource-exhausted", "failed-precondition", "aborted", "out-of-range"],
  ...["unimplemented", "internal", "unavailable", "data-loss", "unauthenticated"],
];
const UNKNOWN = "unknown";

/** Of a path: "/package.Service/Method". */
export function serviceIn(path: string): string {
  return path.split("/")[1] ?? "";
}

export function statusName(code: number): string {
  return CODES[code] ?? UNKNOWN;
}

/** One call, from its begin to its status. */
export class CallCount {
  readonly tally: Tally;
  readonly #since = performance.now();
  #isOver = false;

  constructor(tally: Tally) {
    this.tally = tally;
    tally.begun += 1;
  }

  /** With the number of a status; it counts once. */
  end(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.tally.ended(statusName(code), performance.now() - this.#since);
  }
}

/** What counts calls, both ways. */
export interface RpcTraffic {
  readonly asked: Pick<Tallies, "own">;
  readonly answered: Pick<Tallies, "own" | "of">;
}
