/**
 * Runs the pods of deploy/kubernetes.yaml and deploy/kubernetes-members.yaml without a cluster: each in namespaces of its own
 * (mounts, processes, network), as its user, without capabilities, with a read-only root and volumes as the kubelet leaves
 * them. Everything starts twice; in between the volumes are given to their group, as the kubelet does at a start.
 *
 *   npm run -s build && node test/long/pods.mjs        (as root, on Linux, with iproute2 and util-linux)
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

const DEPLOY = new URL("../../deploy/", import.meta.url);
const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const NAMESPACE = "trial";
/** For anything to happen, milliseconds. */
const DEADLINE_MS = 60_000;
/** Where the manifests mount something; all but the first lie below directories that every machine has. */
const SECRET = "/secret";
const BRIDGE = `ffp-${process.pid}`;
const root = mkdtempSync(join(tmpdir(), "fireflies-pods-"));
const ip = (...args) => execFileSync("ip", args);
const hosts = [];
const pods = [];

function setOf(file) {
  const documents = parseAllDocuments(readFileSync(new URL(file, DEPLOY), "utf8")).map((each) => each.toJS());
  return documents.find(({ kind }) => kind === "StatefulSet");
}

class Pod {
  constructor(name, { spec }, { secrets, address }) {
    const pod = spec.template.spec;
    Object.assign(this, { name, address, pod, container: pod.containers[0], secrets, log: [], waiting: [] });
    this.netns = `ffp-${process.pid}-${name}`;
    this.volumes = [...(pod.volumes ?? []), ...spec.volumeClaimTemplates.map(({ metadata }) => metadata)].map(
      (volume) => {
        const path = join(root, name, volume.name);
        mkdirSync(path, { recursive: true });
        chownSync(path, 0, pod.securityContext.fsGroup);
        chmodSync(path, 0o2775);
        for (const [key, text] of Object.entries(volume.secret ? secrets : {})) {
          writeFileSync(join(path, key), text);
          chownSync(join(path, key), 0, pod.securityContext.fsGroup);
          chmodSync(join(path, key), 0o644);
        }
        return { ...volume, path };
      },
    );
    ip("netns", "add", this.netns);
    ip(
      "link",
      "add",
      "eth0",
      "netns",
      this.netns,
      "type",
      "veth",
      "peer",
      "name",
      `v${address.split(".")[3]}`,
      "netns",
      BRIDGE,
    );
    ip("-n", BRIDGE, "link", "set", `v${address.split(".")[3]}`, "master", "br0", "up");
    ip("-n", this.netns, "address", "add", `${address}/24`, "dev", "eth0");
    for (const link of ["lo", "eth0"]) ip("-n", this.netns, "link", "set", link, "up");
    pods.push(this);
  }

  /** A command line of one of its containers, up to the program. */
  #command(container, words) {
    const { runAsUser, runAsGroup, fsGroup } = this.pod.securityContext;
    const mounts = container.volumeMounts.map(({ name, mountPath, readOnly }) => {
      const { path } = this.volumes.find((volume) => volume.name === name);
      const bind = `mkdir -p ${mountPath}; mount --bind ${path} ${mountPath}`;
      return readOnly ? `${bind}; mount -o remount,bind,ro ${mountPath}` : bind;
    });
    const places = ["/var/lib", "/run"];
    const script = [
      "set -e; mount --make-rprivate /",
      ...places.map((place) => `mount -t tmpfs tmpfs ${place}`),
      ...mounts,
      `mount --bind ${join(root, "hosts")} /etc/hosts`,
      ...["/", ...places].map((place) => `mount -o remount,bind,ro ${place}`),
      `exec setpriv --reuid=${runAsUser} --regid=${runAsGroup} --groups=${fsGroup} --no-new-privs --bounding-set=-all --inh-caps=-all "$@"`,
    ];
    const env = (container.env ?? []).flatMap(({ name, valueFrom: { fieldRef, secretKeyRef } }) => {
      if (secretKeyRef) return [`${name}=${this.secrets[secretKeyRef.key]}`];
      return [`${name}=${fieldRef.fieldPath === "metadata.name" ? this.name : NAMESPACE}`];
    });
    const expanded = words.map((word) =>
      env.reduce((text, pair) => text.replaceAll(`$(${pair.split("=")[0]})`, pair.slice(pair.indexOf("=") + 1)), word),
    );
    const program = expanded[0] === "fireflies" ? [process.execPath, MAIN, ...expanded.slice(1)] : expanded;
    const inside = ["env", "-i", "PATH=/usr/bin:/bin", "HOME=/home/node", ...env, ...program];
    return [
      "netns",
      "exec",
      this.netns,
      "unshare",
      "--mount",
      "--pid",
      "--fork",

      "--mount-proc",
      "sh",
      "-c",
      script.join("\n"),
      "sh",
      ...inside,
    ];
  }

  /** As `kubectl exec`. */
  exec(...words) {
    const { status, stdout, stderr } = spawnSync("ip", this.#command(this.container, words), { encoding: "utf8" });
    return { status, stdout: stdout.trim(), stderr: stderr.trim() };
  }

  async start() {
    this.log.length = 0;
    for (const container of this.pod.initContainers) {
      const { status, stderr } = spawnSync("ip", this.#command(container, container.command), { encoding: "utf8" });
      if (status !== 0) throw new Error(`${this.name}, ${container.name}: ${stderr}`);
    }
    this.child = spawn("ip", this.#command(this.container, ["fireflies", ...this.container.args]), {
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) this.log.push(JSON.parse(line));
      this.#wake();
    });
    const ended = once(this.child, "exit").then(([code]) => {
      throw new Error(`${this.name} ended with ${code}`);
    });
    ended.catch(() => {});
    this.ended = ended;
  }

  #wake(how) {
    for (const wake of this.waiting.splice(0)) wake(how);
  }

  async until(condition, what) {
    const late = setTimeout(() => this.#wake("late"), DEADLINE_MS);
    while (!condition(this.log)) {
      const how = await Promise.race([new Promise((resolve) => this.waiting.push(resolve)), this.ended]);
      if (how === "late")
        throw new Error(
          `${this.name}: not within ${DEADLINE_MS} ms: ${what}\n${this.log.map((each) => JSON.stringify(each)).join("\n")}`,
        );
    }
    clearTimeout(late);
  }

  /** SIGTERM, as the kubelet sends it. Resolves to the exit code and the seconds that it took. */
  async stop() {
    const startedAt = performance.now();
    const exit = once(this.child, "exit");
    execFileSync("pkill", ["-TERM", "-P", String(this.child.pid)]);
    const [code] = await exit;
    return `${code} after ${((performance.now() - startedAt) / 1000).toFixed(1)} s of ${this.pod.terminationGracePeriodSeconds}`;
  }

  /** What the kubelet does at a start to a volume with fsGroup, unless fsGroupChangePolicy keeps it from that. */
  giveToGroup() {
    const { path } = this.volumes.find(({ name }) => name === "state");
    execFileSync("chown", ["-R", `:${this.pod.securityContext.fsGroup}`, path]);
    execFileSync("chmod", ["-R", "g+rwX", path]);
    execFileSync("find", [path, "-type", "d", "-exec", "chmod", "g+s", "{}", "+"]);
  }

  close() {
    // The first process of the pod, and with it all others.
    if (this.child?.exitCode === null) spawnSync("pkill", ["-KILL", "-P", String(this.child.pid)]);
    spawnSync("ip", ["netns", "delete", this.netns]);
  }
}

const isUp = (log) => log.some(({ event }) => event === "listening" || event === "ready");
const idOf = ({ log }) => log.find(({ event }) => event === "ready").id;
const alarmsOf = ({ log }) => log.flatMap(({ event, code }) => (event === "alarm" ? [code] : []));

async function run() {
  if (process.getuid?.() !== 0) return console.log("skipped: namespaces are for root alone");
  ip("netns", "add", BRIDGE);
  ip("-n", BRIDGE, "link", "add", "br0", "type", "bridge");
  ip("-n", BRIDGE, "link", "set", "br0", "up");
  const [authoritys, members] = [setOf("kubernetes.yaml"), setOf("kubernetes-members.yaml")];
  const count = members.spec.replicas;
  hosts.push("127.0.0.1 localhost", `10.88.0.2 fireflies-ca.${NAMESPACE}.svc`);
  for (let index = 0; index < count; index++)
    hosts.push(`10.88.0.${10 + index} fireflies-members-${index}.fireflies-members.${NAMESPACE}.svc`);
  writeFileSync(join(root, "hosts"), `${hosts.join("\n")}\n`);
  const ca = new Pod("fireflies-ca-0", authoritys, {
    secrets: { passphrase: "correct horse battery staple" },
    address: "10.88.0.2",
  });
  await ca.start();
  await ca.until(isUp, "listening");
  console.log("authority: listens");
  const dir = ca.container.args.find((arg) => arg.startsWith("--dir=")).slice("--dir=".length);
  const access = ["--dir", dir, "--passphrase-file", "/run/secrets/fireflies/passphrase"];
  const made = ca.exec(
    "fireflies",
    "ca",
    "token",
    "--uses",
    "50",
    "--name",
    "fireflies-members-*",
    ...access,
    "--url",
    `https://fireflies-ca.${NAMESPACE}.svc:8300`,
  );
  if (made.status !== 0) throw new Error(made.stderr);
  console.log("authority: a token by kubectl exec, as the manifest's head says");
  const all = Array.from(
    { length: count },
    (_, index) =>
      new Pod(`fireflies-members-${index}`, members, {
        secrets: { token: made.stdout },
        address: `10.88.0.${10 + index}`,
      }),
  );
  const whole = (log) => new Set(log.flatMap(({ event, id }) => (event === "joined" ? [id] : []))).size === count - 1;
  const startAll = async () => {
    await Promise.all(all.map((pod) => pod.start()));
    await Promise.all(all.map((pod) => pod.until((log) => isUp(log) && whole(log), "sees the others")));
    console.log(`members: ${count} of ${count} see all others; alarms: ${all.flatMap(alarmsOf).join(", ") || "none"}`);
    const ready = all.map((pod) => pod.exec(...pod.container.readinessProbe.exec.command).status);
    console.log(`members: readiness probes end with ${ready.join(", ")}`);
  };
  await startAll();
  const ids = all.map(idOf).join();
  for (const pod of [...all, ca]) console.log(`${pod.name}: SIGTERM, exit ${await pod.stop()}`);
  for (const pod of [...all, ca]) pod.giveToGroup();
  await ca.start();
  await ca.until(isUp, "listening");
  console.log("authority: listens again, after its volume was given to the group");
  await startAll();
  console.log(`members: ${all.map(idOf).join() === ids ? "all have their ids again" : "OTHER IDS"}`);
}

const hadSecret = existsSync(SECRET);
if (!hadSecret && process.getuid?.() === 0) mkdirSync(SECRET);
try {
  await run();
} finally {
  for (const pod of pods) pod.close();
  spawnSync("ip", ["netns", "delete", BRIDGE], { stdio: "ignore" });
  if (!hadSecret) rmdirSync(SECRET, { recursive: false });
  rmSync(root, { recursive: true, force: true });
}
