/** What a running member has others look at, as `Client.doctor()` gives it. */
import { constants } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { addressesOf, TRANSPORT_PING } from "../../gossip/index.js";
import type { Node } from "../node.js";
import { type Disk, type DoctorReport, examine } from "../reach/doctor.js";
import { PING_TIMEOUT_MS } from "../timeouts.js";
import { VERSION } from "../version.js";
import { destinationOf } from "../view/directory.js";

/** Never rejects. Throws "not-started". */
export function examinationOf(member: Node, directory: string | undefined): Promise<DoctorReport> {
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
    ...{
      version: VERSION,
      ringCount: certificate.ringCount,
      disk: async () => (directory === undefined ? undefined : await diskOf(directory)),
    },
    wall: Date.now,
    random: Math.random,
  });
}

async function diskOf(directory: string): Promise<Disk> {
  const isWritable = await access(directory, constants.W_OK).then(
    () => true,
    () => false,
  );
  const found = await statfs(directory).catch(() => undefined);
  return { directory, isWritable, freeBytes: found && found.bavail * found.bsize };
}
