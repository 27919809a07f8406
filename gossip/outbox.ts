/** Outputs on their way to the driver, in order. */
import { OUTPUTS_MAX } from "./limits.js";
import type { Output } from "./outputs.js";

export class Outbox {
  #outputs: Output[] = [];

  emit(output: Output): void {
    if (this.#outputs.length >= OUTPUTS_MAX) {
      throw new Error("outputs were not taken: call takeOutputs() after each input");
    }
    this.#outputs.push(output);
  }

  take(): Output[] {
    const taken = this.#outputs;
    this.#outputs = [];
    return taken;
  }
}
