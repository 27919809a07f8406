/** The transport that meets through a rendezvous server: the contract over it, and what is its own. */
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { type Address, parseAddress, pathOf } from "../../net/index.js";
import { rdvTransport } from "../../net/transports/rdv.js";
import { RdvServer } from "../../rdv/index.js";
import { transportPromises } from "../../testing/index.js";
import { RdvPlace } from "../support/rdv-transport.js";

let place: RdvPlace;
let port: number;

beforeEach(async () => {
  place = await RdvPlace.open();
  ({ port } = place);
});
afterEach(() => place.close());

/** That nobody waits at a server is no evidence, and its port is the server's. */
const NOT_HERE = /as evidence|free port|nobody else does/;

describe("the transport's contract over rendezvous", () => {
  const subject = { create: () => place.transport, host: "127.0.0.1" };
  const promises = transportPromises(subject, { bytes: 4 * 1_048_576, lives: 40 });
  for (const { title, run } of promises.filter((promise) => !NOT_HERE.test(promise.title))) test(title, run);
});

const soon = () => ({ signal: new AbortController().signal });

interface Arrived {
  readonly connection: Duplex;
  readonly from: Address;
}

async function listening(options: Parameters<typeof rdvTransport>[0] = {}) {
  const arrived: Arrived[] = [];
  let wake: () => void = () => {};
  const bound = await rdvTransport(options).listen({ host: "127.0.0.1", port, path: "/meet" }, (connection, from) => {
    connection.on("error", () => {});
    arrived.push({ connection, from });
    wake();
  });
  const next = async (): Promise<Arrived> => {
    for (;;) {
      const found = arrived.shift();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { bound, next };
}

it("tells both ends that they were met by punching, and an address that a note can have", async () => {
  const { bound, next } = await listening({ token: () => "ab12" });
  expect(bound.address).toEqual(parseAddress(`rdv://127.0.0.1:${port}/meet/ab12`));
  const near = await rdvTransport().dial(bound.address, soon());
  const { connection: far, from } = await next();
  expect(near.reached).toMatchObject({ scheme: "rdv", host: "127.0.0.1" });
  for (const [direction, address] of [
    ["dialled", near.reached!],
    ["accepted", from],
  ] as const) {
    expect(pathOf(direction, address)).toMatchObject({ kind: "punched", direction });
  }
  near.destroy();
  far.destroy();
  await bound.close();
});

it("calls a connection whose bytes go by the server relayed", () => {
  const address = parseAddress("rdv://127.0.0.1:80/meet/ab12")!;
  expect(pathOf("dialled", address)).toMatchObject({ kind: "relayed", via: [] });
});

it("takes many who come at once, though they displace each other", async () => {
  const { bound } = await listening({ token: () => "ab12" });
  const transport = rdvTransport();
  const ends = await Promise.all(Array.from({ length: 10 }, () => transport.dial(bound.address, soon())));
  expect(ends).toHaveLength(10);
  for (const end of ends) end.on("error", () => {}).destroy();
  await bound.close();
});

it.each([
  ["no token", (): string => `rdv://127.0.0.1:${port}/meet/`, "forbidden"],
  ["a server that is not there", (): string => "rdv://127.0.0.1:1/meet/x", "no-route"],
  ["a path that is not its own", (): string => `rdv://127.0.0.1:${port}/elsewhere/x`, "no-route"],
] as const)("%s is no evidence about the member", async (_case, address, reason) => {
  await expect(rdvTransport().dial(parseAddress(address())!, soon())).rejects.toMatchObject({ reason });
});

it("a listener comes back when its server does", async () => {
  const { bound } = await listening({ token: () => "ab12" });
  while (place.rdv.metrics().waiting === 0) await new Promise(setImmediate);
  await place.rdv.close();
  place.rdv = new RdvServer({ prefix: "/meet" });
  place.rdv.attach(place.http);
  const near = await rdvTransport().dial(bound.address, soon());
  near.on("error", () => {}).destroy();
  await bound.close();
});

it("shows servers who it is, on both sides", async () => {
  const seen: string[] = [];
  await place.rdv.close();
  place.rdv = new RdvServer({
    prefix: "/meet",
    authorize: ({ headers }) => {
      seen.push(headers["x-who"] ?? "");
      return true;
    },
  });
  place.rdv.attach(place.http);
  const headers = (method: string, token: string): Record<string, string> => ({ "x-who": `${method} ${token}` });
  const { bound } = await listening({ token: () => "ab12", headers });
  const near = await rdvTransport({ headers }).dial(bound.address, soon());
  near.on("error", () => {}).destroy();
  expect(seen).toEqual(expect.arrayContaining(["ACCEPT ab12", "DIAL ab12"]));
  await bound.close();
});
