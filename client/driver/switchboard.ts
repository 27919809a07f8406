/**
 * The one table of who carries out, or hears, what the machine asks for and tells. Each part of a member brings the kinds
 * that concern it; an output goes to every part that brought its kind, in the order of the parts.
 */
import type { Output } from "../../gossip/index.js";

type Handler<Kind extends Output["kind"]> = (output: Extract<Output, { readonly kind: Kind }>) => void;

/** A part's rows of the table. */
export type OutputHandlers = { readonly [Kind in Output["kind"]]?: Handler<Kind> };

export class Switchboard {
  readonly #rows = new Map<string, ((output: Output) => void)[]>();

  constructor(parts: readonly OutputHandlers[]) {
    for (const part of parts) {
      for (const [kind, handler] of Object.entries(part)) {
        const row = this.#rows.get(kind) ?? [];
        this.#rows.set(kind, [...row, handler as (output: Output) => void]);
      }
    }
  }

  /** An output that no part handles is dropped. */
  dispatch(output: Output): void {
    for (const handler of this.#rows.get(output.kind) ?? []) handler(output);
  }
}
