/** The watchers of a simulation, asked by hook, so that a hook nobody has costs nothing; and the run's digest. */
import type { Notice, Output } from "../gossip/index.js";
import type { Seat, SimEvent, StatementKind, TrafficKind, Watcher } from "./actor.js";
import { Mixer } from "./crypto/mixer.js";

type Bearer = { readonly member: { readonly id: string; readonly epoch: bigint } };

export class Observers {
  readonly #afterInput: Watcher[] = [];
  readonly #told: Watcher[] = [];
  readonly #sent: Watcher[] = [];
  readonly #noticed: Watcher[] = [];
  readonly #all: Watcher[] = [];
  /** Over all that was told and signed, in order. */
  readonly mixer = new Mixer();

  add(watcher: Watcher): void {
    this.#all.push(watcher);
    if (watcher.afterInput) this.#afterInput.push(watcher);
    if (watcher.told) this.#told.push(watcher);
    if (watcher.sent) this.#sent.push(watcher);
    if (watcher.noticed) this.#noticed.push(watcher);
  }

  afterInput(seat: Seat, now: number): void {
    for (const watcher of this.#afterInput) watcher.afterInput?.(seat, now);
  }

  told(seat: Seat, output: Output, now: number): void {
    this.#mix(seat, output, now);
    for (const watcher of this.#told) watcher.told?.(seat, output, now);
  }

  noticed(seat: Seat, notice: Notice, now: number): void {
    for (const watcher of this.#noticed) watcher.noticed?.(seat, notice, now);
  }

  signed(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
    this.mixer.number(now).word(seat.number).text(type).bytes(body);
    for (const watcher of this.#all) watcher.signed?.(seat, type, body, now);
  }

  forged(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
    for (const watcher of this.#all) watcher.forged?.(seat, type, body, now);
  }

  sent(from: Seat, to: Seat, kind: TrafficKind, bytes: number, now: number): void {
    for (const watcher of this.#sent) watcher.sent?.(from, to, kind, bytes, now);
  }

  threw(seat: Seat, error: unknown, now: number): void {
    for (const watcher of this.#all) watcher.threw?.(seat, error, now);
  }

  happened(event: SimEvent, now: number): void {
    for (const watcher of this.#all) watcher.happened?.(event, now);
  }

  #mix(seat: Seat, output: Output, now: number): void {
    this.mixer.number(now).word(seat.number).text(output.kind);
    if ("member" in output) this.#mixMember(output);
    else if (output.kind === "rejected") this.mixer.text(output.what).text(output.reason);
  }

  #mixMember({ member }: Bearer): void {
    this.mixer.text(member.id.slice(0, 16)).number(Number(member.epoch));
  }
}
