/** Datagrams to members behind NATs (rule R21): over a session that the receiver has made, else through all its relays. */
import { Action } from "../calendar.js";
import { LOST } from "../network/network.js";
import type { Ground } from "./crossing.js";
import type { Host } from "./host.js";
import type { Paths } from "./paths.js";

/** What a datagram is: whose it is, and what happens when it is there, once for each way that it takes. */
export interface Signal {
  readonly from: Host;
  readonly to: Host;
  readonly bytes: number;
  readonly arrive: () => void;
}

export function signal(ground: Ground, paths: Paths, { from, to, bytes, arrive }: Signal): void {
  const arriveOver = (end: Host) => {
    if (paths.isAlive(to, end)) arrive();
  };
  if (paths.hasSession(to, from)) {
    fly(ground, from, to, bytes, () => arriveOver(from));
    return;
  }
  for (const relay of to.relays) {
    if (relay === from || !from.machine.agreementKeyOf(relay.id)) continue;
    fly(ground, from, relay, bytes, () => {
      if (relay.state !== "up" || !paths.isRelayOf(relay, to)) return;
      const does = relay.isCorrect ? "pass" : relay.relaying(from, to);
      if (typeof does === "string" && does !== "pass") return;
      const pass = () => fly(ground, relay, to, bytes, () => arriveOver(relay));
      if (does === "pass") pass();
      else ground.plan(does, new Action(pass));
    });
  }
}

function fly(ground: Ground, from: Host, to: Host, bytes: number, arrive: () => void): void {
  const delay = ground.network.datagram(from.number, to.number, bytes);
  if (delay !== LOST) ground.plan(delay, new Action(arrive));
}
