/** The transport by rendezvous as a subject of the transports' contract: a server of its own, by which all connections are met. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Transport } from "../../net/index.js";
import { rdvTransport } from "../../net/transports/rdv.js";
import { RdvServer } from "../../rdv/index.js";

export class RdvPlace {
  /** A test may put another one in its place. */
  rdv = new RdvServer({ prefix: "/meet", limits: { requestsBurst: 100_000 } });
  readonly http = createServer();

  static async open(): Promise<RdvPlace> {
    const place = new RdvPlace();
    place.rdv.attach(place.http);
    await once(place.http.listen(0, "127.0.0.1"), "listening");
    return place;
  }

  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  /** Listens at the server, whatever port is asked for, and waits there when it says so. */
  get transport(): Transport {
    const { rdv, port } = this;
    const transport = rdvTransport();
    const listen: Transport["listen"] = async (at, onConnection) => {
      const { waiting } = rdv.metrics();
      const bound = await transport.listen({ ...at, port, path: "/meet" }, onConnection);
      while (rdv.metrics().waiting === waiting) await new Promise(setImmediate);
      return bound;
    };
    return { ...transport, listen };
  }

  async close(): Promise<void> {
    await this.rdv.close();
    this.http.close();
    await once(this.http, "close");
  }
}
