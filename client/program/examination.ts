/** What a running member has others look at, as `Client.doctor()` gives it. */
import { addressesOf, TRANSPORT_PING } from "../../gossip/index.js";
import type { Node } from "../node.js";
import { type DoctorReport, examine } from "../reach/doctor.js";
import { PING_TIMEOUT_MS } from "../timeouts.js";
import { destinationOf } from "../view/directory.js";

/** Never rejects. Throws "not-started". */
export function examinationOf(member: Node): Promise<DoctorReport> {
  const { machine, identity, ways, roundTrips, addresses, noteAddresses, listeners } = member;
  const relays = member.relays.info;
  const { certificate } = identity;
  return examine({
    self: { id: certificate.id, name: certificate.name },
    others: machine.members().map(({ id }) => ({ id, name: member.nameOf(id) })),
    ways,
    measure: async (id) => {
      const peer = machine.member(id);
      const unknown = { udpMs: undefined, linkMs: undefined, path: undefined };
      return peer ? await roundTrips.measure(destinationOf(peer), { timeoutMs: PING_TIMEOUT_MS }) : unknown;
    },
    ...{ certificate, listeners, advertised: addresses },
    ...{ neighbours: ways.neighbours, hosts: ways.hosts, udpPort: ways.udpPort, dialable: ways.reach.dialable },
    pinged: addressesOf({ addresses: noteAddresses }, TRANSPORT_PING),
    relay: { relays: relays.relays, mine: relays.mine.length, wanted: relays.wanted },
    wall: Date.now,
    random: Math.random,
  });
}
