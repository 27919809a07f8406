/** Both sides ours: client, server and peer over real sockets and real TLS. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  AddressSpaces,
  type Conn,
  type Picker,
  pickFirst,
  RdvClient,
  type RdvClientOptions,
  type RdvLogger,
  RdvServer,
  type RdvServerOptions,
  waitConstant,
} from "../../rdv/index.js";
import { serverCertificate } from "../support/oidc-issuer.js";

const LOCAL = AddressSpaces.of("loopback4");
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

let identity: { readonly key: string; readonly cert: string };
beforeAll(async () => {
  identity = await serverCertificate();
});

async function serve(options: RdvServerOptions = {}, http: Server = createServer()) {
  const rdv = new RdvServer(options);
  rdv.attach(http);
  await once(http.listen(0, "127.0.0.1"), "listening");
  closing.push(async () => {
    await rdv.close();
    http.close();
  });
  const { port } = http.address() as AddressInfo;
  return {
    rdv,
    http,
    url: `${"setSecureContext" in http ? "https" : "http"}://127.0.0.1:${port}${options.prefix ?? ""}`,
  };
}

/** Dialler and accepter that have met, each with its options. */
async function meet(url: string, options: RdvClientOptions = {}, acceptOptions = options) {
  const common = { addressSpaces: LOCAL, timeoutMs: 20_000 };
  const [dialer, accepter] = await Promise.all([
    new RdvClient({ ...common, ...options }).dial(url, "to k"),
    new RdvClient({ ...common, ...acceptOptions }).accept(url, "to k"),
  ]);
  for (const conn of [dialer, accepter]) {
    conn.on("error", () => {}); // A cut is a reset to the other one.
    closing.push(() => conn.destroy());
  }
  return { dialer, accepter };
}

async function textOf(conn: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const chunk of conn) text += chunk;
  return text;
}

const RELAY = { addressSpaces: AddressSpaces.none };

describe("two clients", () => {
  it("reach each other directly, and each sees the other's address", async () => {
    const { rdv, url } = await serve({ prefix: "/rdv" });
    const { dialer, accepter } = await meet(url);
    expect([dialer.isRelay, accepter.isRelay]).toEqual([false, false]);
    expect(dialer.remoteAddress).toBe(accepter.localAddress);
    expect(accepter.peerAddresses).toEqual(expect.arrayContaining([...dialer.selfAddresses, dialer.observedAddress]));
    expect(dialer).toMatchObject({ method: "DIAL", token: "to k", response: { status: 101 } });
    while (rdv.metrics().pairs > 0) await new Promise(setImmediate);
    expect(rdv.metrics()).toMatchObject({ met: 1, direct: { loopback4: 1 }, relayed: 0 });
  });

  it.each([
    ["directly", {}],
    ["by the relay", RELAY],
  ])("%s have bytes both ways, in order, with back-pressure", async (_way, options) => {
    const { url } = await serve();
    const { dialer, accepter } = await meet(url, options);
    const sent = Buffer.alloc(8 * 1_048_576, "0123456789");
    const both = [
      [dialer, accepter],
      [accepter, dialer],
    ] as const;
    await Promise.all(
      both.map(async ([from, to]) => {
        from.write(sent);
        let length = 0;
        for await (const chunk of to.iterator({ destroyOnReturn: false })) {
          expect(sent.subarray(length, length + chunk.length).equals(chunk)).toBe(true);
          length += chunk.length;
          if (length === sent.length) break;
        }
      }),
    );
  });

  it("directly have half-close", async () => {
    const { url } = await serve();
    const { dialer, accepter } = await meet(url);
    dialer.end("question");
    expect(await textOf(accepter.iterator({ destroyOnReturn: false }))).toBe("question");
    accepter.end("answer");
    expect(await textOf(dialer)).toBe("answer");
  });

  it("by the relay have what the side that ends first has sent", async () => {
    const { url } = await serve();
    const { dialer, accepter } = await meet(url, RELAY);
    dialer.end("all of it");
    expect(await textOf(accepter)).toBe("all of it");
    await textOf(dialer);
  });

  it("speak TLS over what they get, directly and by the relay", async () => {
    const { url } = await serve();
    for (const options of [{}, RELAY]) {
      const { dialer, accepter } = await meet(url, options);
      const server = new TLSSocket(accepter, { isServer: true, ...identity });
      server.end("secret");
      const client = connectTls({ socket: dialer, ca: identity.cert, host: "127.0.0.1" });
      expect(await textOf(client)).toBe("secret");
    }
  });

  it("hear of a peer that cuts the connection", async () => {
    const { url } = await serve();
    for (const options of [{}, RELAY]) {
      const { dialer, accepter } = await meet(url, options);
      const closed = new Promise((resolve) => dialer.resume().once("close", resolve));
      dialer.on("end", () => dialer.end());
      accepter.destroy();
      await closed;
    }
  });

  it("meet by one of many tokens at once", async () => {
    const { url } = await serve();
    const client = new RdvClient({ ...RELAY, timeoutMs: 20_000 });
    const pairs = Array.from({ length: 50 }, async (_, index) => {
      const [dialer, accepter] = await Promise.all([client.dial(url, `${index}`), client.accept(url, `${index}`)]);
      closing.push(
        () => dialer.destroy(),
        () => accepter.destroy(),
      );
      dialer.end(`${index}`);
      return textOf(accepter);
    });
    expect(await Promise.all(pairs)).toEqual(pairs.map((_, index) => `${index}`));
  });

  it("tell the server's hooks by headers who they are, and hear from its handler by headers", async () => {
    const { url } = await serve({
      handler: async (pair) => {
        const greeting = `${pair.dialer.headers["x-name"]} meets ${pair.accepter.headers["x-name"]}`;
        await pair.continue({ dialerHeaders: { "X-Greeting": greeting } });
        await pair.relay();
      },
    });
    const client = new RdvClient({ ...RELAY, timeoutMs: 20_000 });
    const [dialer, accepter] = await Promise.all([
      client.dial(url, "t", { headers: { "X-Name": "ann" } }),
      client.accept(url, "t", { headers: { "X-Name": "bob" } }),
    ]);
    expect(dialer.response.headers["x-greeting"]).toBe("ann meets bob");
    expect(accepter.response.headers["x-greeting"]).toBeUndefined();
    dialer.end();
    await Promise.all([textOf(dialer), textOf(accepter)]);
  });

  it("hear of a refusal by the server's handler", async () => {
    const { url } = await serve({ handler: (pair) => pair.reject(402, "no coins", { "X-Price": "3" }) });
    const client = new RdvClient({ ...RELAY, timeoutMs: 20_000 });
    const refused = { code: "rdv-handshake", response: { status: 402, body: "no coins", headers: { "x-price": "3" } } };
    const both = [client.dial(url, "t"), client.accept(url, "t")];
    await Promise.all(both.map((each) => expect(each).rejects.toMatchObject(refused)));
  });

  it("need not agree on address spaces: the one that wants no direct connection has none", async () => {
    const { url } = await serve();
    const { dialer, accepter } = await meet(url, { picker: waitConstant(100) }, RELAY);
    expect([dialer.isRelay, accepter.isRelay]).toEqual([true, true]);
  });
});

describe("a dialler's picker", () => {
  it("pickFirst takes the relay, which is there first", async () => {
    const { url } = await serve();
    expect((await meet(url, { picker: pickFirst() })).dialer.isRelay).toBe(true);
  });

  it("of the program's own sees what comes up, and is asked for its order", async () => {
    const { url } = await serve();
    const seen: boolean[] = [];
    const picker: Picker = async (candidates, stop) => {
      const conns: Conn[] = [];
      for await (const conn of candidates) {
        seen.push(conn.isRelay);
        conns.push(conn);
        if (conns.length === 2) stop();
      }
      return conns.filter(({ isRelay }) => isRelay);
    };
    const { dialer, accepter } = await meet(url, { picker });
    expect(seen.slice(0, 2)).toEqual([true, false]);
    accepter.write("by the relay");
    expect([dialer.isRelay, accepter.isRelay]).toEqual([true, true]);
    expect(String((await once(dialer, "data"))[0])).toBe("by the relay");
  });
});

describe("with TLS", () => {
  it("both reach a server whose authority they trust, directly and by its relay", async () => {
    const { url } = await serve({ prefix: "/p/" }, createSecureServer(identity));
    const tls = { ca: identity.cert };
    for (const options of [{ tls }, { tls, ...RELAY }]) {
      const { dialer, accepter } = await meet(url, options);
      expect(dialer.isRelay).toBe("addressSpaces" in options);
      dialer.end("through TLS");
      expect(await textOf(accepter)).toBe("through TLS");
    }
  });

  it("nobody reaches one that they do not trust", async () => {
    const { url } = await serve({}, createSecureServer(identity));
    const dial = new RdvClient().dial(url, "x");
    await expect(dial).rejects.toMatchObject({
      code: "rdv-unreachable",
      cause: { code: "DEPTH_ZERO_SELF_SIGNED_CERT" },
    });
  });

  it("the rest of the site is served beside it", async () => {
    const site = createSecureServer(identity, (request, response) => response.end(`page ${request.url}`));
    const { url } = await serve({ prefix: "/p/" }, site);
    const socket = connectTls({ host: "127.0.0.1", port: Number(new URL(url).port), ca: identity.cert });
    socket.write("GET /other HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await textOf(socket)).toContain("page /other");
  });
});

describe("several servers", () => {
  it("on one port, below one another too, know nothing of each other", async () => {
    const http = createServer();
    const all = new RdvServer({ prefix: "/" });
    const one = new RdvServer({ prefix: "/one" });
    const deep = new RdvServer({ prefix: "/one/deep/" });
    for (const rdv of [all, one, deep]) {
      rdv.attach(http);
      closing.push(() => rdv.close());
    }
    await once(http.listen(0, "127.0.0.1"), "listening");
    closing.unshift(() => http.close());
    const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const client = new RdvClient(RELAY);
    const controller = new AbortController();
    const waits = ["", "/one", "/one/deep"].map((path) =>
      client.dial(origin + path, "t", { signal: controller.signal }),
    );
    const settled = Promise.allSettled(waits);
    while ([all, one, deep].some((rdv) => rdv.metrics().waiting !== 1)) await new Promise(setImmediate);
    await deep.close();
    await expect(waits[2]).rejects.toMatchObject({ response: { status: 503 } });
    expect([all, one].map((rdv) => rdv.metrics().waiting)).toEqual([1, 1]);
    controller.abort();
    await settled;
  });
});

it("a client and a server tell their log when the observed address is not public", async () => {
  const events: string[] = [];
  const note = ({ event }: { event?: string }) => void events.push(event ?? "");
  const quiet = () => {};
  const logger = { debug: quiet, info: quiet, warn: note, error: note } as RdvLogger;
  const { url } = await serve({ logger });
  await meet(url, { logger, ...RELAY }, RELAY);
  expect(events).toEqual(["rdv-not-public", "rdv-not-public"]);
});

it("a hundred meetings leave nothing open", async () => {
  const { rdv, http, url } = await serve();
  const client = new RdvClient({ addressSpaces: LOCAL, timeoutMs: 20_000 });
  const open = () => process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length;
  const before = open();
  for (let round = 0; round < 2; round += 1) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const token = `${round}-${index}`;
        const options = { ...RELAY, timeoutMs: 20_000 };
        const sides = index % 5 === 0 ? client : new RdvClient(options);
        const [dialer, accepter] = await Promise.all([sides.dial(url, token), sides.accept(url, token)]);
        dialer.end("x");
        accepter.end();
        await Promise.all([textOf(accepter), textOf(dialer)]);
      }),
    );
  }
  while (rdv.metrics().pairs > 0) await new Promise(setImmediate);
  await rdv.close();
  await new Promise((resolve) => http.close(resolve));
  while (open() > before - 1) await new Promise(setImmediate);
});
