/** WebSocket over TLS, on servers of the program's, and behind a real reverse proxy. */
import { spawn, spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { fastify } from "fastify";
import { afterEach, describe, expect, it, test } from "vitest";
import { Client, decodeText, encodeText } from "../../client/index.js";
import {
  type Bound,
  ConnectionGate,
  type Transport,
  tcpTransport,
  wssTransport,
  wsTransport,
} from "../../net/index.js";
import { startTestNetwork, transportContract } from "../../testing/index.js";
import { serverCertificate } from "../support/oidc-issuer.js";
import { closed, knock, later, soon } from "./waiting.js";

const certificate = await serverCertificate();
const wss = () => wssTransport({ tls: { ...certificate, ca: certificate.cert } });
const runner = { describe, test };
const plain = async () => {
  const server = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { address: { scheme: "wss", host: "127.0.0.1", port }, close: () => void server.close() };
};
const subject = { create: wss, host: "127.0.0.1", handle: "TCPServerWrap", knock, failures: { handshake: plain } };
transportContract("WebSocket over TLS", subject, runner);
transportContract(
  "WebSocket over TLS, behind a gate",
  {
    ...subject,
    create: () => wssTransport({ gate: new ConnectionGate(), tls: { ...certificate, ca: certificate.cert } }),
  },
  runner,
  { lives: 20, bytes: 2 ** 20 },
);

const never = new AbortController().signal;
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const dial = (transport: Transport, { address }: Bound) => transport.dial(address, { signal: never });

/** A listener that echoes, attached to something of the program's. */
async function echoing(transport: Transport, path = "/fireflies"): Promise<Bound> {
  const bound = await transport.listen({ host: "127.0.0.1", port: 0, path }, (connection) => {
    opened.push(() => connection.destroy());
    connection.pipe(connection);
  });
  opened.push(() => bound.close());
  return bound;
}

async function echo(connection: Duplex): Promise<string> {
  opened.push(() => connection.destroy());
  connection.write("echo");
  const [data] = await once(connection, "data");
  return String(data);
}

describe("wss:", () => {
  it("refuses a certificate that its roots do not vouch for, unless it is told to take any", async () => {
    const bound = await echoing(wss());
    await expect(dial(wssTransport(), bound)).rejects.toMatchObject({ reason: "handshake" });
    expect(await echo(await dial(wssTransport({ tls: { rejectUnauthorized: false } }), bound))).toBe("echo");
  });

  it("says what it takes to listen", async () => {
    const listening = wssTransport().listen({ host: "127.0.0.1", port: 0 }, () => {});
    await expect(listening).rejects.toMatchObject({ code: "address-invalid" });
  });
});

describe("a server of the program's", () => {
  it("a fastify app: takes members at the path, answers all else as before, and nobody after close", async () => {
    const app = fastify();
    app.get("/", async () => "the site");
    await app.listen({ host: "127.0.0.1", port: 0 });
    opened.push(() => app.close());
    const { port } = app.server.address() as AddressInfo;
    const bound = await echoing(wsTransport({ server: app }), "/overlay/fireflies");
    expect(bound.address).toEqual({ scheme: "ws", host: "127.0.0.1", port, path: "/overlay/fireflies" });
    expect(await echo(await dial(wsTransport(), bound))).toBe("echo");
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("the site");
    const elsewhere = { address: { ...bound.address, path: "/fireflies" }, close: async () => {} };
    await expect(dial(wsTransport(), elsewhere)).rejects.toMatchObject({ reason: "handshake" });
    await bound.close();
    await expect(dial(wsTransport(), bound)).rejects.toMatchObject({ reason: "handshake" });
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("the site");
  });

  it("an http.Server with upgrades of its own keeps them; headers of the dialler reach it", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    opened.push(() => server.close());
    const heads: unknown[] = [];
    server.on("upgrade", (request, socket) => {
      heads.push(request.headers["x-key"]);
      if (request.url === "/mine/fireflies") socket.end("HTTP/1.1 418 Mine\r\n\r\n");
    });
    const bound = await echoing(wsTransport({ server }));
    const transport = wsTransport({ headers: { "x-key": "7" } });
    expect(await echo(await dial(transport, bound))).toBe("echo");
    const mine = { address: { ...bound.address, path: "/mine/fireflies" }, close: async () => {} };
    await expect(dial(transport, mine)).rejects.toThrow(/418/);
    expect(heads).toEqual(["7", "7"]);
  });

  it("a framework that has its own handler of upgrades passes them on", async () => {
    const upgrades = new EventEmitter();
    const server: Server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    opened.push(() => server.close());
    server.on("upgrade", (...what) => upgrades.emit("upgrade", ...what));
    const bound = await echoing(wsTransport({ server: upgrades }));
    const { port } = server.address() as AddressInfo;
    const there = { address: { ...bound.address, port }, close: async () => {} };
    expect(await echo(await dial(wsTransport(), there))).toBe("echo");
  });
});

async function freePort(): Promise<number> {
  const server = createTcp().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** nginx that ends TLS, asks for a header, and passes what is below /overlay/ on, WebSockets too. */
async function nginxBefore(port: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "ff-nginx-"));
  const own = await freePort();
  writeFileSync(join(directory, "cert.pem"), certificate.cert);
  writeFileSync(join(directory, "key.pem"), certificate.key, { mode: 0o600 });
  writeFileSync(
    join(directory, "nginx.conf"),
    `
daemon off; pid ${directory}/pid; error_log ${directory}/error.log; worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/f; uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
  server {
    listen 127.0.0.1:${own} ssl;
    ssl_certificate ${directory}/cert.pem;
    ssl_certificate_key ${directory}/key.pem;
    location /overlay/ {
      if ($http_x_key != "7") { return 403; }
      proxy_pass http://127.0.0.1:${port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_read_timeout 1h;
    }
  }
}`,
  );
  const nginx = spawn("nginx", ["-p", directory, "-c", join(directory, "nginx.conf")], { stdio: "ignore" });
  opened.push(async () => {
    nginx.kill("SIGTERM");
    if (nginx.exitCode === null) await once(nginx, "exit");
    rmSync(directory, { recursive: true, force: true });
  });
  await expect
    .poll(
      () =>
        tcpTransport()
          .dial({ scheme: "tcp", host: "127.0.0.1", port: own }, { signal: never })
          .then(
            (socket) => {
              socket.destroy();
              return "up";
            },
            () => "down",
          ),
      { timeout: 20_000 },
    )
    .toBe("up");
  return own;
}

const hasNginx = spawnSync("nginx", ["-v"]).status === 0;

describe("behind nginx, which ends TLS (needs nginx)", () => {
  let own = 0;
  let port = 0;

  async function hosted() {
    const app = fastify();
    await app.listen({ host: "127.0.0.1", port: 0 });
    opened.push(() => app.close());
    port = (app.server.address() as AddressInfo).port;
    own = await nginxBefore(port);
    return app;
  }

  it.runIf(hasNginx)("connections carry much both ways and half-close (needs nginx)", async () => {
    const app = await hosted();
    const accepted = later<Duplex>();
    const bound = await wsTransport({ server: app }).listen(
      { host: "127.0.0.1", port: 0, path: "/overlay/fireflies" },
      (far) => accepted.resolve(far),
    );
    opened.push(() => bound.close());
    const address = { scheme: "wss", host: "127.0.0.1", port: own, path: "/overlay/fireflies" };
    await expect(wss().dial(address, { signal: never })).rejects.toThrow(/403/);
    const transport = wssTransport({ tls: { ca: certificate.cert }, headers: { "x-key": "7" } });
    const near = await transport.dial(address, { signal: never });
    const far = await accepted.promise;
    near.end(Buffer.alloc(5_000_000, 1));
    let bytes = 0;
    for await (const chunk of far.iterator({ destroyOnReturn: false })) bytes += chunk.length;
    expect(bytes).toBe(5_000_000);
    far.end("all of it");
    expect(String((await near.toArray())[0])).toBe("all of it");
    await Promise.all([closed(near), closed(far)]);
  });

  it.runIf(hasNginx)("whole members join and talk (needs nginx)", async () => {
    const app = await hosted();
    await using authority = await startTestNetwork({ members: 1 });
    const server = wsTransport({ server: app });
    const way = wssTransport({ tls: { ca: certificate.cert }, headers: { "x-key": "7" } });
    const behind = new Client({
      ...{ config: false, preset: "local", identity: await authority.identity("behind") },
      listen: [`ws://127.0.0.1:${port}/overlay/fireflies`],
      advertise: [`wss://127.0.0.1:${own}/overlay/fireflies`],
      network: { extraTransports: [server, way] },
    });
    behind.registerMessageHandler((data, { from }) => encodeText(`${decodeText(data)} from ${from.name}`));
    await behind.start();
    const outside = new Client({
      ...{ config: false, preset: "local", identity: await authority.identity("outside") },
      entryAddrs: [`wss://127.0.0.1:${own}/overlay/fireflies`],
      network: { extraTransports: [way] },
    });
    await outside.start();
    opened.push(() => Promise.all([behind.stop({ drain: 0 }), outside.stop({ drain: 0 })]));
    await outside.waitForMembers(1);
    expect(outside.member("behind")!.address).toBe(`wss://127.0.0.1:${own}/overlay/fireflies`);
    expect(decodeText(await outside.sendToId(behind.id, encodeText("hello")))).toBe("hello from outside");
    const trip = await outside.ping(behind.id);
    expect(trip.path?.address).toMatch(/^wss:/);
    await soon(() => expect(behind.members().length).toBe(1));
  });
});
