/** A NATS cluster over the overlay: real members, three real nats-servers, and programs that use them. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Client } from "../../../client/index.js";
import { portIn } from "../../../services/nats/cluster/server-log.js";
import {
  type NatsCluster,
  type NatsClusterSettings,
  natsClient,
  startNatsCluster,
} from "../../../services/nats/index.js";
import { startTestNetwork, type TestNetwork } from "../../../testing/index.js";
import { HAS_NATS_SERVER } from "../../support/nats-server.js";

const SETTINGS: NatsClusterSettings = {
  clusterName: "shop",
  servers: ["member-1", "member-2", "member-3"],
  accounts: {
    orders: [{ members: ["member-1", "member-2", "member-3", "member-4"] }],
    guests: [{ members: ["member-5"], publish: ["guest.{name}"], subscribe: ["_INBOX.>", "news"] }],
  },
};

describe.skipIf(!HAS_NATS_SERVER)("members with a nats-server each (needs nats-server)", () => {
  let network: TestNetwork;
  let members: readonly Client[];
  let clusters: readonly NatsCluster[];
  const failures: string[] = [];
  /** Of the first one: where its file is, and the ports that it listens at. */
  const directory = mkdtempSync(join(tmpdir(), "ff-nats-"));
  const ports: number[] = [];

  beforeAll(async () => {
    network = await startTestNetwork({ members: 6 });
    members = network.members;
    const onFailed = ({ message }: Error) => void failures.push(message);
    // The smallest id dials all others.
    const [first, ...others] = members.slice(0, 3).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const onLog = ({ text }: { readonly text: string }) => {
      const found = portIn(text);
      if (found !== undefined) ports.push(found.port);
    };
    const watched = { ...SETTINGS, dir: directory, logLevel: "info" } as const;
    members = [first!, ...others, ...members.slice(3)];
    clusters = await Promise.all([
      startNatsCluster(first!, watched, { onFailed, onLog }),
      ...others.map((each) => startNatsCluster(each, SETTINGS, { onFailed })),
    ]);
  });
  afterAll(async () => {
    await Promise.all((clusters ?? []).map((cluster) => cluster.close()));
    await network?.stop();
    rmSync(directory, { recursive: true, force: true });
    expect(failures).toEqual([]);
  });

  async function connected(client: Client): Promise<NatsConnection> {
    const connection = await natsClient(client);
    onTestFinished(() => connection.close());
    return connection;
  }

  it("are one cluster: what is published at one is heard at each other", async () => {
    const [one, two, three] = await Promise.all(members.slice(0, 3).map(connected));
    expect(new Set([one, two, three].map((each) => each?.info?.server_id)).size).toBe(3);
    for (const [from, to] of [
      [one!, two!],
      [two!, three!],
      [three!, one!],
    ] as const)
      expect(await heard(from, to, "a.b")).toBe("heard a.b");
    expect(clusters[0]!.servers.length).toBe(2);
  });

  it("let in a member that runs none, and a program that knows nothing of members, as the member beside it", async () => {
    const fourth = await connected(members[3]!);
    const plain = await connect({ servers: clusters[1]!.address });
    onTestFinished(() => plain.close());
    expect(await heard(plain, fourth, "x")).toBe("heard x");
    fourth.subscribe("ask", { callback: (_, message) => void message.respond("yes") });
    await fourth.flush();
    expect(await heard(fourth, plain, "y")).toBe("heard y");
    expect((await plain.request("ask", "?", { timeout: 10_000 })).string()).toBe("yes");
  });

  it("hold a member to its account and its permissions", async () => {
    const guest = await connected(members[4]!);
    const errors: string[] = [];
    void (async () => {
      for await (const status of guest.status()) if (status.type === "error") errors.push(`${status.error.message}`);
    })();
    const wrong = guest.subscribe("orders.>");
    guest.publish("guest.member-4", "not I");
    guest.publish("guest.member-5", "I");
    await guest.flush();
    await expect(wrong.closed).resolves.toBeInstanceOf(Error);
    expect(errors.some((error) => /Publish to "guest.member-4"/.test(error))).toBe(true);
    expect(errors.some((error) => error.includes("guest.member-5"))).toBe(false);
  });

  it("refuse a member without a role", async () => {
    await expect(natsClient(members[5]!)).rejects.toMatchObject({ code: "peer-refused" });
  });

  it("take no route of a member that may run no server, nor anybody on the machine", async () => {
    const stream = await members[3]!.openStream(members[0]!.id, { protocol: "/nats/shop/route", raw: true });
    await expect(once(stream, "data")).rejects.toMatchObject({ code: "peer-refused" });
    const { cluster } = JSON.parse(readFileSync(join(directory, "nats.conf"), "utf8")) as ServerFile;
    const doors = cluster.routes.map((url) => ({ port: Number(new URL(url.replace("nats-route", "http")).port) }));
    const own = ports.map((port) => ({ port }));
    expect(own.length).toBe(2);
    for (const { port } of [...doors, ...own]) {
      const said = await answerOf(port, 'CONNECT {"user":"route","pass":"guess"}\r\nPING\r\n');
      expect(said).toMatch(/-ERR 'Authorization Violation'/);
    }
    expect(statSync(join(directory, "nats.conf")).mode & 0o777).toBe(0o600);
  });

  it("go on without one that leaves, and with its clients at another", async () => {
    const fourth = await connected(members[3]!);
    const one = await connected(members[0]!);
    const gone = clusters.findIndex((_, index) => fourth.info?.server_name.startsWith(`${members[index]!.self.name}-`));
    const reconnected = (async () => {
      for await (const status of fourth.status()) if (status.type === "reconnect") return true;
      return false;
    })();
    await clusters[gone]!.close();
    expect(await reconnected).toBe(true);
    const other = gone === 0 ? await connected(members[1]!) : one;
    expect(await heard(other, fourth, "after")).toBe("heard after");
    const again = await startNatsCluster(members[gone]!, SETTINGS);
    clusters = clusters.with(gone, again);
    const back = await connected(members[gone]!);
    expect(await heard(back, other, "again")).toBe("heard again");
  });
});

interface ServerFile {
  readonly cluster: { readonly routes: readonly string[] };
}

/** All that a port says to who says this, until it closes the connection. */
async function answerOf(port: number, words: string): Promise<string> {
  const socket = createConnection({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  let said = "";
  socket.on("data", (chunk) => {
    said += chunk;
    socket.write(words);
    words = "";
  });
  await once(socket, "close");
  return said;
}

/** What arrives at one, once its interest has come to the server of the other, which takes its time. */
async function heard(from: NatsConnection, to: NatsConnection, subject: string): Promise<string> {
  const subscription = to.subscribe(subject, { max: 1 });
  await to.flush();
  const arrived = (async () => {
    for await (const message of subscription) return message.string();
    return "";
  })();
  let isOver = false;
  void arrived.then(() => {
    isOver = true;
  });
  while (!isOver) {
    from.publish(subject, `heard ${subject}`);
    await from.flush(); // A round trip with the server.
  }
  return arrived;
}
