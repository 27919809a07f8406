/** An agent as a process: members, their services, the API that commands use; it tells what happens, and leaves when told. */

import type { AgentConfig } from "../../client/config/index.js";
import { keptConfig } from "../../client/config/places.js";
import { claimControlPath, releaseControlPath } from "../../client/state/control-path.js";
import { isDiskRefusing } from "../../client/state/lock.js";
import { DRAIN_MS_MAX } from "../../client/talk/drain-deadline.js";
import type { AlarmHandler } from "../../client/types.js";
import { FirefliesError, messageOf } from "../../identity/index.js";
import { type HostNetwork, onAbort } from "../../net/index.js";
import type { AgentHost } from "../api/host.js";
import type { OpenDoor } from "../api/server/doors.js";
import { ApiServer } from "../api/server/server.js";
import { Log, type LogOptions } from "../log/log.js";
import { memberTitle } from "../output.js";
import { fired, untilTold } from "../signals.js";
import { AgentLog } from "./agent-log.js";
import { Members } from "./members.js";
import { MountedMember } from "./mounted.js";
import { Reloading } from "./reloading.js";

export interface AgentRun {
  readonly config: AgentConfig;
  readonly dir: string;
  readonly log: LogOptions;
  /** What to answer; undefined answers with the message itself. */
  readonly reply: string | undefined;
  readonly whileStdin: boolean;
  /** Milliseconds for what is open when it is told to end. */
  readonly drainMs: number;
  /** Reads the configuration again, from where it was read. Throws as it did. */
  readonly reread: () => AgentConfig;
  /** The start is over. */
  readonly onReady: () => void;
}

export async function runAgent(run: AgentRun): Promise<void> {
  const entries = new Log(run.log);
  const log = new AgentLog(entries);
  const debug = entries.debug.bind(entries);
  let isHurried = false;
  let hurry = () => {};
  const onSecond = () => {
    isHurried = true;
    hurry();
  };
  const told = untilTold({ input: run.whileStdin ? process.stdin : undefined, onSecond });
  const { dir, config, reply } = run;
  const leave = (drainMs: number) => own.client.stop({ drain: drainMs });
  const services = config.services;
  const path = config.member.file ?? keptConfig(dir);
  const file = { path, identity: undefined };
  const network = await networkOf(config, (alarm) => log.alarm(alarm));
  const mount = { as: undefined, config: config.member, dir, services, file, log, debug, reply, network, leave };
  const records = config.admin !== undefined;
  const own = await MountedMember.of({ ...mount, records });
  const members = new Members({ own, log, debug, reply, file: path, network, records });
  hurry = () => void members.stop(0);
  await own.start(told).catch((error: unknown) => {
    throw told.aborted && told.reason === "input" ? inputEnded() : error;
  });
  const { client } = own;
  const reloading = new Reloading({ members, config, reread: run.reread, log });
  let adminUrl: string | undefined;
  const host: AgentHost = {
    member: (as) => members.meant(as).hosted,
    members: () => members.states(),
    mount: (said) => members.mount(said),
    unmount: (as, drainMs) => members.unmount(as, drainMs),
    reload: () => reloading.reload(),
    log: log.feed,
    admin: () => adminUrl,
    tell: (event, facts, text) => log.tell("warn", event, facts, text),
  };
  const endProfiles = await profiling(own, config, log);
  const api = await openApi(host, own, log);
  const { door, admin } = api === undefined ? {} : await opened(api, own, config);
  adminUrl = admin?.url;
  const { id, name, address } = client.self;
  const me = memberTitle({ id, name });
  const others = client.members().length;
  log.event(
    "ready",
    { id, name, address, members: others, dir, ...(admin && { admin: admin.url }) },
    `${me} is ready at ${address}, ${companyText(others)}`,
  );
  if (door !== undefined) log.event("api", { url: door.url }, `commands reach it with --api ${door.url}`);
  if (admin !== undefined) log.event("admin", { url: admin.url }, `state, metrics and health are at ${admin.url}`);
  run.onReady();
  const unwatch = reloading.onHangUp();
  await own.begin();
  members.mountAll(config.identities, told);
  await fired(AbortSignal.any([told, client.stopping]));
  unwatch();
  log.event("stopping", { id, name }, `${me} is stopping; what is open may end`);
  api?.stopListening();
  await releaseControlPath(run.dir); // While the lock is still ours.
  await stopped(members, told, run.drainMs);
  door?.close();
  admin?.close();
  endProfiles();
  await api?.close();
  await own.left();
  await entries.close();
  if (isHurried && log.hasCut) throw new FirefliesError("cancelled", "A second signal cut what was still open.");
}

/** What `nats_path` says: one connection to NATS for all members of the agent. */
async function networkOf({ natsPath }: AgentConfig, onTrouble: AlarmHandler): Promise<HostNetwork> {
  if (natsPath === undefined) return {};
  const { natsPathOf } = await import("../../services/controllers/nats-path.js");
  return { extraTransports: [await natsPathOf(natsPath, onTrouble)] };
}

function inputEnded(): FirefliesError {
  return new FirefliesError("cancelled", "Standard input ended before this member was ready.", {
    advice: "Keep it open, or leave out --while-stdin.",
  });
}

/** A signal waits as long as the agent's `--drain` says. `leave` waits as long as its own `--drain` says, until a signal comes. */
async function stopped(members: Members, told: AbortSignal, drainMs: number): Promise<void> {
  const unwatch = onAbort(told, () => void members.stop(drainMs));
  await members.stop(DRAIN_MS_MAX); // No less than what was asked for.
  unwatch();
}

/** A member that sees nobody is the first one, or has raised an alarm. */
function companyText(members: number): string {
  if (members === 0) return "and sees nobody yet";
  return members === 1 ? "with one other member" : `with ${members} other members`;
}

/** What `prof` says. What is wrong with it ends the start, too. */
async function profiling(own: MountedMember, config: AgentConfig, log: AgentLog): Promise<() => void> {
  if (config.prof === undefined) return () => {};
  const { serveProfiles } = await import("./profiles.js");
  const options = { config: config.api, client: own.client, dir: own.dir };
  const { url, tokenFile, close } = await serveProfiles(config.prof, options).catch(async (error: unknown) => {
    await own.client.stop();
    throw error;
  });
  const text = `profiles are at ${url}/cpu?seconds=10 and ${url}/heap?seconds=10, for who has the token of ${tokenFile}`;
  log.event("prof", { url, tokenFile }, text);
  return close;
}

/** Where the agent is called and shown besides its socket. An error here ends the start: the operator expects both. */
async function opened(api: ApiServer, own: MountedMember, config: AgentConfig): Promise<OpenDoors> {
  const { admin, api: rules } = config;
  if (admin === undefined && rules.listen === undefined) return {};
  const { openAdmin, openDoor } = await import("../api/server/doors.js");
  const options = { config: rules, client: own.client, dir: own.dir };
  try {
    return { door: await openDoor(api, options), admin: admin && (await openAdmin(api, admin, options)) };
  } catch (error) {
    await api.close();
    await own.client.stop();
    throw error;
  }
}

interface OpenDoors {
  readonly door?: OpenDoor | undefined;
  readonly admin?: OpenDoor | undefined;
}

/** Undefined where the disk takes no socket: the member is there for the others all the same. */
async function openApi(host: AgentHost, own: MountedMember, log: AgentLog): Promise<ApiServer | undefined> {
  const { dir, client } = own;
  try {
    return await ApiServer.listen({ path: await claimControlPath(dir), host });
  } catch (error) {
    await releaseControlPath(dir);
    const { cause = error } = error as Error;
    if (!isDiskRefusing(cause)) {
      await client.stop();
      throw error;
    }
    log.alarm(
      new FirefliesError(
        "control-unavailable",
        `No command reaches this agent, and api_listen and admin stay closed: ${messageOf(cause)}.`,
      ),
    );
    return undefined;
  }
}
