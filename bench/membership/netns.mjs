/**
 * Network namespaces for a bench: a loopback that carries nothing else, or hosts with a wire each to one router, which
 * can lose all packets of a host without a word. Needs root and iproute2.
 */
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";

const DEV = "eth0";

/** Why there can be no namespaces here; undefined when there can. */
export function whyNoNamespaces() {
  const probe = `ff-probe-${process.pid}`;
  try {
    execFileSync("ip", ["netns", "add", probe], { stdio: "pipe" });
    execFileSync("ip", ["netns", "del", probe], { stdio: "pipe" });
    return undefined;
  } catch (error) {
    return `needs network namespaces (root and iproute2): ${String(error.stderr ?? error.message).trim()}`;
  }
}

const standing = new Set();
/** However this program ends: bench/index.mjs makes an exit of signals. */
process.on("exit", () => {
  for (const namespace of standing) namespace.remove();
});

export class Namespace {
  static #count = 0;

  /** With its loopback up. */
  constructor() {
    this.name = `ff-bench-${process.pid}-${Namespace.#count++}`;
    execFileSync("ip", ["netns", "add", this.name]);
    standing.add(this);
    this.ip("link", "set", "lo", "up");
  }

  /** What comes before a command to run it in here; the process is replaced, so its id is the command's. */
  get within() {
    return ["ip", "netns", "exec", this.name];
  }

  ip(...args) {
    execFileSync("ip", ["-netns", this.name, ...args]);
  }

  remove() {
    if (!standing.delete(this)) return;
    execFileSync("ip", ["netns", "del", this.name]);
  }
}

/** Hosts 0 .. count - 1, each a namespace with an address and a wire to the router. */
export class Wires {
  constructor(count) {
    this.router = new Namespace();
    execFileSync(...command(this.router.within, "sysctl", "-qw", "net.ipv4.ip_forward=1"));
    this.hosts = Array.from({ length: count }, (_, index) => this.#host(index));
  }

  /** The router's own address: of what is no host of the experiment. */
  address = "10.77.255.1";

  #host(index) {
    const host = new Namespace();
    const [mine, theirs] = [subnet(index, 2), subnet(index, 1)];
    const wire = `w${index}`;
    this.router.ip("link", "add", wire, "type", "veth", "peer", "name", DEV, "netns", host.name);
    this.router.ip("addr", "add", `${theirs}/30`, "dev", wire);
    this.router.ip("link", "set", wire, "up");
    if (index === 0) this.router.ip("addr", "add", `${this.address}/32`, "dev", "lo");
    host.ip("addr", "add", `${mine}/30`, "dev", DEV);
    host.ip("link", "set", DEV, "up");
    host.ip("route", "add", "default", "via", theirs);
    return { namespace: host, address: mine };
  }

  /** From now on every packet from and to this host is lost: nobody is told, and its cable is still in. */
  silence(index) {
    const { address } = this.hosts[index];
    for (const way of ["to", "from"]) this.router.ip("rule", "add", way, `${address}/32`, "priority", "1", "blackhole");
  }

  remove() {
    for (const { namespace } of this.hosts) namespace.remove();
    this.router.remove();
  }
}

const subnet = (index, host) => `10.77.${index >> 6}.${(index & 63) * 4 + host}`;
const command = (within, ...rest) => [[...within, ...rest][0], [...within, ...rest].slice(1)];

/** What has left through the loopback of the process's namespace since it is there, headers included. */
export async function sent(pid) {
  const text = await readFile(`/proc/${pid}/net/dev`, "utf8");
  const line = text.split("\n").find((one) => one.trim().startsWith("lo:"));
  const fields = line.trim().split(/[\s:]+/);
  return { bytes: Number(fields[9]), packets: Number(fields[10]) };
}
