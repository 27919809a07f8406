/** The one port that punches have in common, and whose of them a connection is. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { PunchPort } from "../../../net/punching/tcp-punch.js";
import { whose } from "../../../net/punching/whose.js";
import { OutPort } from "../../../net/transports/out-port.js";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

it("punches that run at once all come from it", async () => {
  const out = new OutPort();
  const port = new PunchPort(out, Math.random);
  const from = await Promise.all(
    [0, 1, 2].map(async () => {
      const server = createServer((socket) => socket.on("error", () => {}));
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      open.push(() => void server.close());
      const over = new AbortController();
      open.push(() => over.abort());
      const targets = [{ host: "127.0.0.1", port: (server.address() as AddressInfo).port, isHidden: false }];
      const onConnection = (socket: { destroy(): unknown }) => void open.push(() => socket.destroy());
      void port.punch({ targets, isClient: true, signal: over.signal, onConnection });
      const [socket] = await once(server, "connection");
      open.push(() => socket.destroy());
      return socket.remotePort as number;
    }),
  );
  expect(new Set(from)).toEqual(new Set([out.known]));
});

describe("a connection is of the punch", () => {
  const at = (port: number, host = "192.0.2.1") => ({ host, port, isHidden: false });
  const hidden = (port: number) => ({ ...at(port), isHidden: true });
  const from = at(7);
  it.each([
    [
      "that named its address",
      { targets: [at(7)], isClient: false, met: 5 },
      { targets: [at(8)], isClient: true, met: 0 },
    ],
    [
      "that named its host, where its NAT hides the port",
      { targets: [hidden(8)], isClient: false, met: 0 },
      { targets: [at(7, "192.0.2.2"), at(9)], isClient: true, met: 0 },
    ],
    ["that is mine", { targets: [at(7)], isClient: true, met: 1 }, { targets: [at(7)], isClient: false, met: 0 }],
    [
      "of another one, when mine has had its turns",
      { targets: [at(7)], isClient: false, met: 0 },
      { targets: [at(7)], isClient: true, met: 3 },
    ],
    ["that has had fewest", { targets: [at(7)], isClient: true, met: 0 }, { targets: [at(7)], isClient: true, met: 1 }],
  ])("%s", (_, right, wrong) => {
    expect(whose([right, wrong], from)).toBe(right);
    expect(whose([wrong, right], from)).toBe(right);
  });

  it("of nobody, when nobody waits for one from there", () => {
    expect(whose([{ targets: [at(7, "192.0.2.2")], isClient: true, met: 0 }], from)).toBeUndefined();
    // It may be one behind the same NAT, whose punch I am about to begin.
    expect(whose([{ targets: [at(8)], isClient: false, met: 0 }], from)).toBeUndefined();
  });
});
