/**
 * One port of this host from which a member dials. A NAT that maps by port then shows all others the same address, which
 * they can tell and punches can use. Connections that are made from it may be many, one to each place. Nobody listens at it
 * while it dials: Node then refuses to connect from it.
 */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** Places whose last dial is remembered; those of long ago are forgotten first. */
const PLACES_MAX = 4_096;

export class OutPort {
  #chosen: Promise<number | undefined> | undefined;
  #known: number | undefined;
  #listening = 0;
  /** Places that the last dial went to from this port. */
  readonly #places = new Set<string>();

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
    this.#places.clear();
  }

  /** A connection to this place was made, from this port or another one. */
  dialled(place: string, isFromHere: boolean): void {
    this.#places.delete(place);
    if (isFromHere) this.#places.add(place);
    const [oldest] = this.#places;
    if (this.#places.size > PLACES_MAX && oldest !== undefined) this.#places.delete(oldest);
  }

  /** Was the last connection to this place made from this port? From where another one comes says nothing about it. */
  isFromHere(place: string): boolean {
    return this.#places.has(place);
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
