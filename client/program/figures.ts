/** Figures about a running member, as `Client.info()` and `Client.rings()` give them. */
import { UdxEndpoint } from "../../net/index.js";
import { disabledRings, toHex, tolerance } from "../../rings/index.js";
import type { Node } from "../node.js";
import type { Traffic } from "../traffic/traffic.js";
import type { ClientInfo, RingNeighbours } from "../types.js";

export function infoOf(
  member: Node,
  more: Pick<ClientInfo, "isolated" | "rejected" | "rdv" | "discovery">,
  traffic: Traffic,
): ClientInfo {
  const { machine, identity, paths, clock, addresses, ways } = member;
  const { dialable, nat, observed } = ways.reach.state;
  const { id, name, networkId, ringCount, deltaMs, notAfter } = identity.certificate;
  const members = machine.members();
  return {
    id,
    name,
    address: addresses[0] ?? "",
    advertised: addresses,
    dialable,
    observed,
    nat,
    network: toHex(networkId),
    rings: ringCount,
    tolerance: tolerance(ringCount),
    deltaMs,
    epoch: machine.epoch,
    disabledRings: disabledRings(machine.mask, ringCount),
    members: members.length,
    suspected: members.filter(({ suspected }) => suspected).length,
    isolated: more.isolated,
    links: paths.linked,
    paths: paths.counts(),
    fingerprint: toHex(machine.fingerprint()),
    certificateEnds: notAfter,
    clock: clock.isFrozen ? "in-doubt" : "steady",
    traffic: traffic.totals(member.streams.size),
    rejected: more.rejected,
    datagrams: member.datagrams.figures,
    relay: member.relays.info,
    rdv: more.rdv,
    discovery: more.discovery,
    punches: member.punches,
    udx: member.udp && UdxEndpoint.of(member.udp)?.figures,
  };
}

export function ringsOf({ machine, identity }: Node): RingNeighbours[] {
  const numbers = Array.from({ length: identity.certificate.ringCount }, (_, index) => index + 1);
  return numbers.map((ring) => ({ ring, ...machine.neighboursOn(ring) }));
}
