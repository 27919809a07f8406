/** A listener: connections of local programs go to a member that forwards them. */
import type { MemberClient } from "../member-client.js";
import { Door } from "./carrying/door.js";
import { openToAny } from "./carrying/outgoing.js";
import type { Listener } from "./carrying/running.js";
import { type ListenSettings, planListen } from "./carrying/settings.js";
import { Whom } from "./carrying/whom.js";
import { UdpListener } from "./udp/udp-listen.js";

/**
 * Has connections of local programs go to a member: `listen(client, { to: "bob", protocol: "/x/http", listen: "127.0.0.1:8002" })`.
 * To "service:NAME" they take turns among the members that offer it, and go on to the next when one refuses or is gone. A
 * connection that comes to nothing is reset. At "udp://host:port" datagrams are messages of streams, one for each source.
 * Rejects with "address-in-use", "address-invalid", "name-invalid", and a RangeError for a number.
 */
export async function listen(client: MemberClient, settings: ListenSettings): Promise<Listener> {
  const plan = planListen(settings);
  const whom = new Whom(client, plan.to);
  const { listen: at, protocol } = plan;
  if (at.kind === "udp") {
    const listener = new UdpListener(client, at, plan, whom);
    await listener.bind();
    return listener;
  }
  const door = new Door(client, plan, async (socket) => {
    door.carry(socket, await openToAny(door, protocol, whom.next()));
  });
  await door.bind();
  return door;
}
