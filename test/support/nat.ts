/** Stands for a NAT or a firewall: its member dials out, and nobody gets in. */
import type { Duplex } from "node:stream";
import { type Transport, tcpTransport } from "../../net/index.js";

/** What comes in is left in silence, as packets that are dropped. */
export function undialable(below: Transport = tcpTransport()): Transport {
  return {
    scheme: below.scheme,
    dial: (to, target) => below.dial(to, target),
    listen: async (at) => {
      const dropped = new Set<Duplex>();
      const bound = await below.listen(at, (connection) => {
        dropped.add(connection);
        connection.once("close", () => dropped.delete(connection));
      });
      const close = async () => {
        for (const connection of dropped) connection.destroy();
        await bound.close();
      };
      return { address: bound.address, close };
    },
  };
}
