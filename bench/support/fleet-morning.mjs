/** The second part of operator-day.mjs, a fleet's morning: many members by one token, a rotation that nobody sees, a pruning. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Child } from "../talk/child.mjs";

/** Members renew after two thirds of it, and what has ended may be pruned after two lives. Seconds; many keep one core busy. */
const lifetimeOf = (count) => (count > 20 ? 20 : 12);
const JOBS = ["job-1", "job-2", "job-3"];
/** Between two looks, milliseconds. */
const LOOK_MS = 1_000;

/**
 * The steps, as those of the day. `command` runs a command and resolves with what it says, `serve` starts a process of the
 * command; `count` members.
 */
export function fleetSteps({ root, command, serve, must, until, count }) {
  const dir = join(root, "fleet");
  const file = join(root, "audit-of-before.jsonl");
  const names = Array.from({ length: count }, (_, index) => `web-${index + 1}`);
  const ca = (...args) => command("ca", ...args, "--dir", dir);
  let fleet;

  const steps = [
    [
      "a fleet's authority",
      async () => {
        const options = ["--port", "0", "--num-rings", "3"];
        const lifetime = ["--certificate-lifetime", String(lifetimeOf(count))];
        const { fingerprint } = await serve("fleet's ca", ["ca", "--dir", dir, ...options, ...lifetime]).event(
          "listening",
        );
        return `root ${fingerprint.slice(0, 16)}, certificates for ${lifetimeOf(count)} s`;
      },
    ],
    [
      `${count} by one token`,
      async () => {
        const { token } = await ca("token", "--uses", String(count), "--name", "web-*", "--hours", "0.5");
        fleet = new Child("../support/fleet.mjs", "fleet");
        await fleet.ask("start", { token, names });
        await fleet.ask("whole");
        const code = await fleet.ask("refused", { token, name: "web-more" });
        must(code === "token-used", `one more is refused as token-used, not ${code}`);
        const listed = await ca("list");
        must(listed.length === count && listed.every(({ status }) => status === "active"), `${count} active members`);
        return "each sees all others; one more is refused";
      },
    ],
    [
      "rotate under the fleet",
      async () => {
        for (const job of JOBS) await ca("sign", job, "--days", "1", "--out", join(root, job)); // They ran, and are no more.
        await ca("rotate", "prepare");
        await ca("rotate", "activate");
        const issuers = async () => await ca("rotate");
        await until(async () => (await issuers())[0].members === JOBS.length, "all of the fleet have renewed", LOOK_MS);
        const refused = await ca("rotate", "retire").catch(({ message }) => String(message));
        must(String(refused).includes(`would be out: ${JOBS.join(", ")}.`), `who holds it up: ${refused}`);
        await ca("gone", "job-*");
        const [old] = await ca("rotate", "retire");
        must(old.state === "retired", "the old one is retired");
        await fleet.ask("whole");
        const { crl } = await ca("crl", "--root");
        must(crl.includes("BEGIN X509 CRL"), "the root's list");
        return `${old.fingerprint.slice(0, 12)} retired; held up by ${JOBS.join(", ")}, which are gone; nobody was out`;
      },
    ],
    [
      "prune",
      async () => {
        const dry = async () => await ca("prune", "--days", "0", "--dry-run");
        await until(async () => (await dry()).certificates >= count, "the first certificates are old enough", LOOK_MS);
        const { certificates, entries, upTo } = await ca("prune", "--days", "0", "--audit", file);
        must(certificates >= count && entries > count, "what ended is gone");
        must((await ca("list")).length === count + JOBS.length, "every name is still known");
        await fleet.ask("whole");
        return `${certificates} certificates, ${entries} entries of the audit up to ${upTo.sequence}, now in a file`;
      },
    ],
    [
      "audit verify",
      async () => {
        const before = await ca("audit", "verify", file);
        const after = await ca("audit", "verify", "--since", file);
        must(before.ok && after.ok, "an audit that holds");
        return `${before.entries} entries in the file hold, and ${after.entries} that go on from it`;
      },
    ],
  ];
  const end = async () => {
    await fleet?.end();
    await rm(file, { force: true });
  };
  return { steps, end };
}
