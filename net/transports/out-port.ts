/**
 * One port of this host from which a member dials. A NAT that maps by port then shows all others the same address, which
 * they can tell and punches can use. Connections that are made from it may be many, one to each place. Nobody listens at it
 * while it dials: Node then refuses to connect from it.
 */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

export class OutPort {
  #chosen: Promise<number | undefined> | undefined;
  #known: number | undefined;
  #listening = 0;

  /** Chosen at the first call; undefined while it cannot be used. */
  async port(): Promise<number | undefined> {
    this.#chosen ??= chooseFree();
    const chosen = this.#chosen;
    const port = await chosen;
    if (this.#chosen === chosen) this.#known = port;
    return this.#listening > 0 ? undefined : port;
  }

  /** Undefined before the first dial. */
  get known(): number | undefined {
    return this.#known;
  }

  /** Somebody else has taken it: the next dial chooses another one. */
  lost(port: number): void {
    if (this.#known !== port) return;
    this.#known = undefined;
    this.#chosen = undefined;
  }

  /** While a punch listens at it, dials use any port. Returns the way to say that it is over. */
  lend(): () => void {
    this.#listening += 1;
    let isOver = false;
    return () => {
      if (!isOver) this.#listening -= 1;
      isOver = true;
    };
  }
}

/** One that nobody uses now. The system reserves none without binding it. */
async function chooseFree(): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(0);
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  } catch {
    return undefined; // Dials use any port then.
  } finally {
    server.close();
  }
}
