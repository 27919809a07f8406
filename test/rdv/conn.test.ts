/** How a connection that a client returns is cut: the other side hears of it, and no descriptor stays open. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { Conn, type ConnMeta } from "../../rdv/conn.js";
import { soon } from "../net/waiting.js";

const meta: ConnMeta = {
  ...{ method: "DIAL", token: "t", selfAddresses: [], observedAddress: undefined, peerAddresses: [] },
  response: { status: 101, headers: {}, body: "" },
};

/** A connection and its other side, over sockets of the system. */
async function scene() {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  const [[there]] = (await Promise.all([once(server, "connection"), once(socket, "connect")])) as [[Socket], unknown];
  server.close();
  const conn = new Conn(socket, meta, { isRelay: false, remoteAddress: "", localAddress: "" });
  return { conn: conn.on("error", () => {}), there: there.on("error", () => {}) };
}

const sockets = () => process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;

it.each<[string, (conn: Conn) => void]>([
  ["before its end", () => {}],
  ["while its end is on its way", (conn) => conn.end()],
  ["while its last bytes are on their way", (conn) => conn.end(Buffer.alloc(8 * 1024 * 1024))],
])("a connection that is destroyed %s leaves no descriptor open", async (_, before) => {
  const openBefore = sockets();
  const { conn, there } = await scene();
  before(conn);
  conn.destroy();
  there.resume();
  await once(conn, "close");
  await turn();
  there.destroy();
  await soon(() => expect(sockets()).toBe(openBefore));
});

it("a connection that is destroyed before its end is no end in order to the other side", async () => {
  const { conn, there } = await scene();
  const ended = new Promise((resolve) => there.once("end", () => resolve("end")).once("error", () => resolve("error")));
  there.resume();
  conn.write("begun");
  await once(there, "data");
  conn.destroy();
  expect(await ended).toBe("error");
});
