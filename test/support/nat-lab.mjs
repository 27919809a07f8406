/**
 * A small internet in network namespaces: a core, sites behind routers with NATs of every kind, hosts behind them. As root, on
 * Linux, with iproute2 and nftables. `delayMs` needs python3: the core then hands each packet to a process that holds it.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const DELAY = fileURLToPath(new URL("./nat-lab-delay.py", import.meta.url));

/**
 * What a router does. `map`: how it chooses the outer port: "port" keeps the inner one for all destinations, "destination"
 * takes another one for each. `filter`: who may send back to it: all, hosts that were sent to, or their ports only; "reject"
 * as the last, and others hear a refusal. `hairpin`: hosts reach each other by outer addresses. `udp`, `ports`: what
 * leaves the site. `forward`: ports at which the first host is reached from outside. `apart`: hosts of the site do not reach
 * each other by their inner addresses.
 */
export const KINDS = {
  public: {},
  "full cone": { map: "port", filter: "none" },
  "address-restricted": { map: "port", filter: "host" },
  "port-restricted": { map: "port", filter: "port" },
  rejecting: { map: "port", filter: "reject" },
  symmetric: { map: "destination", filter: "port" },
  "no UDP": { map: "port", filter: "port", udp: false },
  "443 alone": { map: "port", filter: "port", udp: false, ports: [443] },
  "443 forwarded": { map: "port", filter: "port", forward: [443] },
};

/** Two hosts behind one router. */
export const HOMES = {
  "one NAT": { map: "port", filter: "port" },
  "one NAT, apart, hairpin": { map: "port", filter: "none", hairpin: true, apart: true },
  "one NAT, apart, no hairpin": { map: "port", filter: "none", apart: true },
};

/** Is there a way for two hosts behind such a router without a relay? */
export function canMeetAtHome(home) {
  const { apart = false, hairpin = false } = HOMES[home];
  return !apart || hairpin;
}

/**
 * Is there a way for two of these kinds without a relay? Not where neither can name its port; nor over TCP alone where one of
 * them cannot and the other's NAT lets in whom it has sent to at that port; nor to a port that one of them may not reach.
 */
export function canMeet(one, other) {
  const [a, b] = [KINDS[one], KINDS[other]];
  const isOpen = (rules) => rules.map === undefined || rules.forward !== undefined;
  if (isOpen(a) || isOpen(b)) return true;
  if (a.ports || b.ports) return false;
  const hides = (rules) => rules.map === "destination";
  const isUdp = a.udp !== false && b.udp !== false;
  const isLoose = (rules) => rules.filter === "none" || rules.filter === "host";
  if (hides(a) && hides(b)) return false;
  return isUdp || (!hides(a) && !hides(b)) || isLoose(hides(a) ? b : a);
}

/** Why there can be no lab here, after trying to install nftables; undefined when there can. */
export function labProblem() {
  if (process.platform !== "linux" || process.getuid() !== 0) return "namespaces need root on Linux";
  const has = () => spawnSync("nft", ["--version"]).status === 0 && spawnSync("ip", ["-V"]).status === 0;
  if (!has()) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    spawnSync("apt-get", ["update"], { env });
    spawnSync("apt-get", ["install", "--yes", "--no-install-recommends", "nftables", "iproute2"], { env });
  }
  if (!has()) return "nft or ip is missing, and apt-get install nftables iproute2 failed";
  const name = `ffn-${process.pid}-trial`;
  if (spawnSync("ip", ["netns", "add", name]).status !== 0) return "no network namespaces are allowed here";
  const rules = spawnSync("ip", ["netns", "exec", name, "nft", "add", "table", "ip", "trial"]);
  spawnSync("ip", ["netns", "delete", name]);
  return rules.status === 0 ? undefined : "nftables does not work in a namespace here";
}

export class NatLab {
  #sites = 0;
  #spaces = [];
  #delay;
  #prefix = `ffn-${process.pid}`;

  constructor({ delayMs = 0 } = {}) {
    this.#space("core");
    this.#core(
      "sysctl",
      "-qw",
      "net.ipv4.ip_forward=1",
      "net.ipv4.conf.all.rp_filter=0",
      "net.ipv4.conf.default.rp_filter=0",
    );
    if (delayMs > 0) this.#hold(delayMs);
    this.delayMs = delayMs;
  }

  /** A site with `hosts` hosts behind a router of this kind. A public one has one host, which is its router. */
  site(kind, { hosts = 1 } = {}) {
    const number = ++this.#sites;
    const rules = typeof kind === "string" ? KINDS[kind] : kind;
    const outer = `45.0.${number}.2`;
    const router = this.#space(`r${number}`);
    this.#join(router, "out", `${outer}/24`, this.#name("core"), `c${number}`, `45.0.${number}.1/24`);
    this.#in(router, "ip", "route", "add", "default", "via", `45.0.${number}.1`);
    if (this.#delay) this.#core("ip", "rule", "add", "iif", `c${number}`, "lookup", "100");
    if (rules.map === undefined) return { kind, outer, router, rules, hosts: [this.#host(router, outer)] };
    const inside = Array.from({ length: hosts }, (_, index) => {
      const space = this.#space(`h${number}-${index + 1}`);
      const address = `10.${number}.${index + 1}.2`;
      this.#join(space, "lan", `${address}/24`, router, `in${index + 1}`, `10.${number}.${index + 1}.1/24`);
      this.#in(space, "ip", "route", "add", "default", "via", `10.${number}.${index + 1}.1`);
      return this.#host(space, address);
    });
    this.#in(router, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    const site = { kind, outer, router, rules, hosts: inside };
    this.#rule(site);
    return site;
  }

  /** From now on the site has another outer address, and its NAT has forgotten everything: as after a router's restart. */
  move(site) {
    const [, , number] = site.outer.split(".");
    const last = Number(site.outer.split(".")[3]) + 1;
    this.#in(site.router, "ip", "address", "flush", "dev", "out");
    site.outer = `45.0.${number}.${last}`;
    this.#in(site.router, "ip", "address", "add", `${site.outer}/24`, "dev", "out");
    this.#in(site.router, "ip", "route", "add", "default", "via", `45.0.${number}.1`);
    this.#in(site.router, "nft", "flush", "ruleset");
    spawnSync("ip", ["netns", "exec", site.router, "conntrack", "-F"]);
    this.#rule(site);
  }

  close() {
    this.#delay?.kill();
    for (const space of this.#spaces.toReversed()) spawnSync("ip", ["netns", "delete", space]);
  }

  #rule({ router, rules, outer, hosts }) {
    this.#in(router, "nft", ruleset(rules, outer, hosts[0].address));
  }

  #host(space, address) {
    return {
      space,
      address,
      /** Runs node there. */
      spawn: (args, options) => spawn("ip", ["netns", "exec", space, process.execPath, ...args], options),
      /** Runs another program there. */
      run: (program, args, options) => spawn("ip", ["netns", "exec", space, program, ...args], options),
      exec: (...argv) => this.#in(space, ...argv),
    };
  }

  #hold(delayMs) {
    const core = this.#name("core");
    this.#delay = spawn("ip", ["netns", "exec", core, "python3", DELAY, String(delayMs)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    for (let tries = 0; tries < 100; tries++) {
      if (spawnSync("ip", ["-n", core, "link", "show", "hold"]).status === 0) break;
      spawnSync("sleep", ["0.05"]);
    }
    this.#core("ip", "link", "set", "hold", "up");
    this.#core("sysctl", "-qw", "net.ipv4.conf.hold.rp_filter=0");
    this.#core("ip", "route", "add", "default", "dev", "hold", "table", "100");
  }

  #space(name) {
    const space = this.#name(name);
    execFileSync("ip", ["netns", "add", space]);
    this.#spaces.push(space);
    this.#in(space, "ip", "link", "set", "lo", "up");
    return space;
  }

  #join(a, aName, aAddress, b, bName, bAddress) {
    execFileSync("ip", ["link", "add", aName, "netns", a, "type", "veth", "peer", "name", bName, "netns", b]);
    for (const [space, name, address] of [
      [a, aName, aAddress],
      [b, bName, bAddress],
    ]) {
      this.#in(space, "ip", "address", "add", address, "dev", name);
      this.#in(space, "ip", "link", "set", name, "up");
    }
  }

  #name(name) {
    return `${this.#prefix}-${name}`;
  }

  #core(...argv) {
    return this.#in(this.#name("core"), ...argv);
  }

  #in(space, ...argv) {
    return execFileSync("ip", ["netns", "exec", space, ...argv], { encoding: "utf8" });
  }
}

/** For the router of a site, as nft reads it. */
function ruleset({ map, filter, hairpin = false, apart = false, udp = true, ports, forward }, outer, first) {
  const kept = filter === "none" || filter === "host";
  const back = (protocol) => {
    const from = filter === "host" ? `ip saddr . ${protocol} dport @spoken ` : "";
    return kept ? `iifname "out" ${from}dnat ip to ${protocol} dport map @of_${protocol}` : "";
  };
  const remember = (protocol) => (kept ? `oifname "out" update @of_${protocol} { ${protocol} sport : ip saddr }` : "");
  const speak = (protocol) =>
    filter === "host" ? `oifname "out" ip protocol ${protocol} update @spoken { ip daddr . ${protocol} sport }` : "";
  return `
table ip site {
  map of_tcp { type inet_service : ipv4_addr; flags dynamic,timeout; timeout 5m; size 4096; }
  map of_udp { type inet_service : ipv4_addr; flags dynamic,timeout; timeout 5m; size 4096; }
  set spoken { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 5m; size 4096; }
  chain before {
    type nat hook prerouting priority -100;
    ${forward ? `iifname "out" meta l4proto { tcp, udp } th dport { ${forward.join(", ")} } dnat ip to ${first}` : ""}
    ${back("tcp")}
    ${back("udp")}
    ${hairpin ? `ip daddr ${outer} dnat ip to tcp dport map @of_tcp` : ""}
    ${hairpin ? `ip daddr ${outer} dnat ip to udp dport map @of_udp` : ""}
  }
  chain after {
    type nat hook postrouting priority 100;
    ${hairpin ? `oifname "in*" ct status dnat snat ip to ${outer}` : ""}
    oifname "out" masquerade${map === "destination" ? " random,fully-random" : ""}
  }
  chain remember {
    type filter hook forward priority -10;
    ${remember("tcp")}
    ${remember("udp")}
    ${speak("tcp")}
    ${speak("udp")}
  }
  chain through {
    type filter hook forward priority 0;
    ${udp ? "" : "ip protocol udp drop"}
    ${ports ? `iifname "in*" oifname "out" tcp dport != { ${ports.join(", ")} } drop` : ""}
    ct status dnat accept
    iifname "out" ct state new drop
    ${apart ? 'iifname "in*" oifname "in*" ct state new drop' : ""}
  }
  chain own {
    type filter hook input priority 0;
    ${filter === "reject" ? 'iifname "out" meta l4proto tcp reject with tcp reset' : ""}
    ${filter === "reject" ? 'iifname "out" reject' : 'iifname "out" drop'}
  }
}
`;
}
