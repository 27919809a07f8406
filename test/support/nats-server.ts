/** A real nats-server for tests (Debian: nats-server): mutual TLS, users, JetStream; it can be killed and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findServer } from "../../services/nats/cluster/server.js";
import { portIn, readLogLine } from "../../services/nats/cluster/server-log.js";
import type { NatsServers } from "../../services/nats/index.js";
import { installed } from "./debian.js";
import { serverCertificate } from "./oidc-issuer.js";

/** libfaketime moves this process' clock, and not that of nats-server, which is in Go: it would refuse certificates of another day. */
const IS_OTHER_DAY = process.env.FAKETIME !== undefined;

/**
 * False where it is not installed and only root could install it, and on another day; tests with it say so in their title and are
 * skipped.
 */
export const HAS_NATS_SERVER =
  !IS_OTHER_DAY && ((await isInstalled()) || (installed("nats-server") && (await isInstalled())));

function isInstalled(): Promise<boolean> {
  return findServer(undefined).then(
    () => true,
    () => false,
  );
}

/** Who may do what in it: user "member" everything, "limited" only below "ok.". Clients prove themselves by a certificate as well. */
export class PlainNats implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "ff-plain-nats-"));
  #port = -1;
  #child: ChildProcess | undefined;

  static async start(): Promise<PlainNats> {
    const made = new PlainNats();
    const { key, cert } = await serverCertificate();
    const stranger = await serverCertificate();
    made.#write("cert.pem", cert);
    made.#write("key.pem", key);
    made.#write("stranger.pem", stranger.cert);
    made.#write("stranger-key.pem", stranger.key);
    await made.resume();
    return made;
  }

  get servers(): string {
    return `tls://127.0.0.1:${this.#port}`;
  }

  /** As whom a program connects. */
  as(user = "member"): NatsServers {
    const [caFile, certFile, keyFile] = ["cert.pem", "cert.pem", "key.pem"].map((name) => join(this.directory, name));
    return { servers: this.servers, user, password: "secret", tls: { caFile, certFile, keyFile } };
  }

  /** As `as`, with a certificate that the server does not trust. */
  get stranger(): NatsServers {
    const [certFile, keyFile] = ["stranger.pem", "stranger-key.pem"].map((name) => join(this.directory, name));
    const { tls, ...rest } = this.as();
    return { ...rest, tls: { ...tls, certFile, keyFile } };
  }

  /** Starts it again, at the same port and with what it kept. */
  async resume(): Promise<void> {
    const files = { cert_file: "cert.pem", key_file: "key.pem", ca_file: "cert.pem" };
    const tls = Object.fromEntries(Object.entries(files).map(([key, name]) => [key, join(this.directory, name)]));
    const config = {
      listen: `127.0.0.1:${this.#port}`,
      tls: { ...tls, verify: true },
      jetstream: { store_dir: join(this.directory, "store"), max_mem: 67_108_864, max_file: 268_435_456 },
      authorization: {
        users: [
          { user: "member", password: "secret" },
          {
            user: "limited",
            password: "secret",
            permissions: { publish: ["ok.>", "_INBOX.>"], subscribe: ["ok.>", "_INBOX.>"] },
          },
        ],
      },
    };
    this.#write("nats.conf", JSON.stringify(config));
    const child = spawn(await findServer(undefined), ["-c", join(this.directory, "nats.conf")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stderr! })) {
      const { text } = readLogLine(line);
      said.push(text);
      const found = portIn(text);
      if (found?.of === "clients") this.#port = found.port;
      if (text === "Server is ready") return void child.stderr!.resume();
    }
    throw new Error(said.join("\n"));
  }

  /** As kill -9. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text, { mode: 0o600 });
  }
}
