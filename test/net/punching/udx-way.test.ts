/** Punches over UDP on loopback, where no NAT is: that one which hides its port is met all the same is what is tried. */
import type { Duplex } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import type { Address } from "../../../net/index.js";
import { UdpPort } from "../../../net/index.js";
import { type Candidate, type NatMapping, NONCE_BYTES } from "../../../net/punching/offer.js";
import { Places } from "../../../net/punching/places.js";
import { udxWay } from "../../../net/punching/udx-way.js";
import { UdxEndpoint } from "../../../net/transports/udx/endpoint.js";

const HOST = "127.0.0.1";
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

interface Side {
  readonly port: UdpPort;
  readonly connections: Duplex[];
}

async function side(): Promise<Side> {
  const port = await UdpPort.bind({ host: HOST, port: 0 }, { streams: true });
  open.push(() => port.close());
  const connections: Duplex[] = [];
  UdxEndpoint.of(port)!.listen((connection) => connections.push(connection.on("error", () => {})));
  return { port, connections };
}

function candidate({ port }: Side, mapping: NatMapping): Candidate {
  // Where each destination sees another port, the one that is told leads nowhere.
  const told = mapping === "destination" ? 9 : port.local.port;
  return { address: { scheme: "udx", host: HOST, port: told }, mapping };
}

/** Both run until one has a connection; what the first one writes on it is what the other one reads. */
async function meet(mappings: readonly [NatMapping, NatMapping]): Promise<string> {
  const sides = [await side(), await side()] as const;
  const told = sides.map((each, index) => candidate(each, mappings[index]!));
  const offers = told.map((each, index) => ({ nonce: new Uint8Array(NONCE_BYTES).fill(index), candidates: [each] }));
  const end = new AbortController();
  const met = new Promise<Duplex>((resolve) => {
    const runs = sides.map(({ port }, index) =>
      udxWay({ port: () => port, random: Math.random }).run({
        targets: [told[1 - index]!],
        isClient: index === 0,
        mine: offers[index]!,
        theirs: offers[1 - index]!,
        signal: end.signal,
        onConnection: (connection: Duplex, _: Address) => resolve(connection),
      }),
    );
    open.push(async () => {
      end.abort();
      await Promise.all(runs);
    });
  });
  const connection = await met;
  end.abort();
  connection.write("hello");
  await expect.poll(() => sides.flatMap(({ connections }) => connections).length).toBeGreaterThan(0);
  const [other] = sides.flatMap(({ connections }) => connections);
  const { value } = await other!.iterator({ destroyOnReturn: false }).next();
  connection.destroy();
  return String(value);
}

it("places are taken by so many at once, and passed on to those who wait and still may", async () => {
  const places = new Places(2);
  const ends: (() => void)[] = [];
  const begun: number[] = [];
  const given = Array.from({ length: 5 }, () => new AbortController());
  const all = given.map(({ signal }, index) =>
    places.take(signal, () => {
      begun.push(index);
      return new Promise((end) => ends.push(end));
    }),
  );
  const next = async () => {
    ends.shift()?.();
    await new Promise(setImmediate);
    return [...begun];
  };
  expect(begun).toEqual([0, 1]);
  given[2]!.abort();
  await all[2];
  expect(await next()).toEqual([0, 1, 3]);
  expect(await next()).toEqual([0, 1, 3, 4]);
  await next();
  await next();
  await Promise.all(all);
});

describe("a punch over UDP", () => {
  it("connects two that show all others one port", async () => {
    expect(await meet(["port", "port"])).toBe("hello");
  });

  it.each([
    ["destination", "port"],
    ["port", "destination"],
  ] as const)("connects %s with %s: many sockets, and many guesses", async (mine, theirs) => {
    expect(await meet([mine, theirs])).toBe("hello");
  });
});
