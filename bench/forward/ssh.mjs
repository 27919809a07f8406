/** `ssh -L` over loopback: a server of OpenSSH on a free port with keys that were made for it, and a client that forwards. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";
import { Skipped } from "../support/skipped.mjs";

const SSHD = "/usr/sbin/sshd";
/** Milliseconds until a port answers. */
const READY_MS = 10_000;

/** Forwards a free port to each of `targets`. Returns those ports. Throws `Skipped` where there is no OpenSSH. */
export async function openSsh(targets) {
  if (!existsSync(SSHD)) throw new Skipped("there is no sshd: apt-get install openssh-server");
  const directory = makeDirectory();
  const keyIn = (name) => {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(directory, name)]);
    return join(directory, name);
  };
  const [host, user] = [keyIn("host"), keyIn("user")];
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const port = await freePort();
  const config = join(directory, "sshd_config");
  const lines = [
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${host}`,
    `AuthorizedKeysFile ${user}.pub`,
    "PidFile none",
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "PermitRootLogin prohibit-password",
    "AllowTcpForwarding yes",
    "LogLevel ERROR",
  ];
  writeFileSync(config, `${lines.join("\n")}\n`);
  const server = spawn(SSHD, ["-D", "-e", "-f", config], { stdio: ["ignore", "ignore", "inherit"] });
  const ports = await Promise.all(targets.map(freePort));
  const children = [server];
  const close = async () => {
    for (const child of children.toReversed()) child.kill();
    await Promise.all(
      children.map((child) => child.exitCode === null && child.signalCode === null && once(child, "exit")),
    );
    removeDirectory(directory);
  };
  try {
    await answers(port);
    children.push(
      spawn("ssh", argumentsFor({ port, user, directory, ports, targets }), { stdio: ["ignore", "ignore", "inherit"] }),
    );
    for (const each of ports) await answers(each);
    return { ports, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function argumentsFor({ port, user, directory, ports, targets }) {
  const options = [
    "StrictHostKeyChecking=no",
    `UserKnownHostsFile=${join(directory, "known")}`,
    "IdentitiesOnly=yes",
    "ExitOnForwardFailure=yes",
    "LogLevel=ERROR",
  ];
  const ways = ports.flatMap((from, index) => ["-L", `127.0.0.1:${from}:127.0.0.1:${targets[index]}`]);
  const flags = options.flatMap((option) => ["-o", option]);
  return ["-N", "-F", "none", "-p", `${port}`, "-i", user, ...flags, ...ways, `${userInfo().username}@127.0.0.1`];
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function answers(port) {
  for (const until = performance.now() + READY_MS; performance.now() < until; await sleep(50)) {
    const socket = createConnection({ port, host: "127.0.0.1" });
    try {
      await once(socket, "connect");
      return;
    } catch {
      // Not yet.
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`nothing answers on port ${port}`);
}
