import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { OutPort } from "../../net/transports/out-port.js";
import { tcpTransport } from "../../net/transports/tcp.js";

const open: { destroy(): unknown }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.destroy();
});

async function listener(port = 0): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => open.push(socket.on("error", () => {})));
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  open.push({ destroy: () => server.close() });
  return { port: (server.address() as AddressInfo).port, server };
}

async function dialled(out: OutPort, port: number): Promise<number | undefined> {
  const transport = tcpTransport({ out });
  const to = { scheme: "tcp", host: "127.0.0.1", port };
  const socket = (await transport.dial(to, { signal: new AbortController().signal })) as Socket;
  open.push(socket);
  return socket.localPort;
}

describe("the port that a member dials from", () => {
  it("is one for all places, also at once", async () => {
    const out = new OutPort();
    const places = await Promise.all([listener(), listener(), listener()]);
    const ports = await Promise.all(places.map(({ port }) => dialled(out, port)));
    expect(new Set(ports)).toEqual(new Set([out.known]));
  });

  it("is another one for a second connection to the same place", async () => {
    const out = new OutPort();
    const { port } = await listener();
    expect(await dialled(out, port)).toBe(out.known);
    expect(await dialled(out, port)).not.toBe(out.known);
  });

  it("is chosen anew when another program listens there", async () => {
    const out = new OutPort();
    const { port } = await listener();
    const before = await out.port();
    await listener(before);
    expect(await dialled(out, port)).not.toBe(before);
    expect(await dialled(out, (await listener()).port)).toBe(await out.port());
  });

  it("says which places the last connection went to from it", async () => {
    const out = new OutPort();
    const [here, elsewhere] = await Promise.all([listener(), listener()]);
    const place = ({ port }: { port: number }) => `127.0.0.1:${port}`;
    await dialled(out, here.port);
    const giveBack = out.lend();
    await dialled(out, elsewhere.port);
    giveBack();
    expect([here, elsewhere].map((each) => out.isFromHere(place(each)))).toEqual([true, false]);
    await dialled(out, here.port); // The second one to the same place comes from another port.
    expect(out.isFromHere(place(here))).toBe(false);
    await dialled(out, elsewhere.port);
    expect(out.isFromHere(place(elsewhere))).toBe(true);
    out.lost(out.known!);
    expect(out.isFromHere(place(elsewhere))).toBe(false);
  });

  it("is any while a punch listens there, and the same again afterwards", async () => {
    const out = new OutPort();
    const before = await out.port();
    const giveBack = out.lend();
    expect(await dialled(out, (await listener()).port)).not.toBe(before);
    giveBack();
    giveBack();
    expect(await dialled(out, (await listener()).port)).toBe(before);
  });
});
