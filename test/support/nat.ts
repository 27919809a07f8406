/** Stands for a NAT or a firewall: its member dials out, and nobody gets in. */
import type { Duplex } from "node:stream";
import { type Address, DialError, formatAddress, onAbort, type Transport, tcpTransport } from "../../net/index.js";

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

/** Dials these addresses alone; all others are dropped. */
export function only(below: Transport, allowed: () => readonly string[]): Transport {
  return {
    scheme: below.scheme,
    listen: (at, onConnection) => below.listen(at, onConnection),
    dial: (to, target) => (allowed().includes(formatAddress(to)) ? below.dial(to, target) : never(to, target.signal)),
  };
}

function never(to: Address, signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    onAbort(signal, () => reject(new DialError("cancelled", formatAddress(to))));
  });
}
