/** Datagrams of the program: whom they go to, by which addresses of its note, and who may send them here. */
import { addressesOf, type Machine, TRANSPORT_PING } from "../../gossip/index.js";
import { Datagrams, deadlineIn, type Links, type NotePings, type Protocols } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import { TRANSPORT_CANDIDATE } from "../reach/observations.js";
import { SEND_TIMEOUT_MS } from "../timeouts.js";
import { destinationOf } from "../view/directory.js";
import type { Door } from "./door.js";

/** Takes a datagram; false when the program does not. */
export type TakeDatagram = (from: MemberId, data: Uint8Array) => boolean;

export interface DatagramsOfMemberOptions {
  readonly self: MemberId;
  readonly links: () => Pick<Links, "usable" | "reach">;
  readonly machine: () => Machine | undefined;
  readonly notes: () => NotePings;
  readonly onDatagram: TakeDatagram;
  readonly now: () => number;
  readonly protocols: Protocols;
  readonly door: () => Pick<Door, "take">;
}

export function datagramsOf(options: DatagramsOfMemberOptions): Datagrams {
  const { links, machine, notes, protocols, door } = options;
  const peerOf = (id: MemberId) => machine()?.member(id);
  const datagrams = new Datagrams({
    ...options,
    usable: (to) => {
      const peer = peerOf(to);
      return peer && links().usable(destinationOf(peer));
    },
    reach: async (to) => {
      const peer = peerOf(to);
      if (peer === undefined) throw new Error("It has left the view.");
      return await links().reach(destinationOf(peer), { deadline: deadlineIn(SEND_TIMEOUT_MS) });
    },
    places: (of) => {
      const peer = peerOf(of);
      if (peer === undefined) return [];
      const noted = [...addressesOf(peer, TRANSPORT_PING), ...addressesOf(peer, TRANSPORT_CANDIDATE)];
      return notes().places(of, noted);
    },
  });
  datagrams.register(protocols, (peer, duplex, accept) => door().take(peer, duplex, accept));
  return datagrams;
}
