/** Commands that ask the agent on a directory, or tell it something: status, info, rings, gossip, renew, leave. */
import type { Command } from "commander";
import * as calls from "../../api/caller/calls.js";
import { ask } from "../../api/caller/client.js";
import { type AgentStatus, isolationOf, statusText } from "../../api/status.js";
import { print } from "../../output.js";
import { infoTable, type RingView, ringsTable } from "../../views.js";
import { type AgentOption, drainOption, examples, withAgent } from "../common.js";

/** Leaving waits for the members that are told; before that, for what is open to end. */
const LEAVE_TIMEOUT_MS = 30_000;
/** The authority may be known under several addresses, each of which is given its time. */
const RENEW_TIMEOUT_MS = 60_000;

export function addQueries(program: Command): void {
  addStatus(program);
  addInfo(program);
  addRings(program);
  addGossip(program);
  addRenew(program);
  addLeave(program);
}

function addInfo(program: Command): void {
  const command = withAgent(program.command("info").description("the agent's own id, address, network and figures"));
  examples(command, "info --dir ./a");
  command.action(async (options: AgentOption) => {
    const { json = false } = options;
    const info = (await ask(options, calls.INFO)) as Record<string, unknown>;
    await print(json, info, infoTable(info));
  });
}

function addStatus(program: Command): void {
  const command = withAgent(
    program
      .command("status")
      .description("how the agent is: among the others or not, its certificate, its last alarms"),
  );
  examples(command, "status", "status --json");
  command.addHelpText(
    "after",
    "\nExit code 0 while it is among the others, or the first of them; 1 while it is isolated.",
  );
  command.action(async (options: AgentOption) => {
    const { json = false } = options;
    const status = (await ask(options, calls.STATUS)) as AgentStatus;
    await print(json, status, statusText(status, Date.now()));
    const isolation = isolationOf(status);
    if (isolation) throw isolation;
  });
}

function addRings(program: Command): void {
  const command = withAgent(program.command("rings").description("the agent's predecessor and successor on each ring"));
  examples(command, "rings --dir ./a");
  command.action(async (options: AgentOption) => {
    const { json = false } = options;
    const rings = (await ask(options, calls.RINGS)) as readonly RingView[];
    await print(json, rings, ringsTable(rings));
  });
}

function addGossip(program: Command): void {
  const command = program.command("gossip").description("set what the agent gossips to its neighbours");
  withAgent(command.argument("<text>", "the new content; the old one is replaced"));
  examples(command, 'gossip --dir ./a "load 0.7"');
  command.action(async (text: string, options: AgentOption) => {
    const { json = false } = options;
    const result = await ask(options, calls.gossip(Buffer.from(text)));
    await print(json, result, `The agent now gossips ${Buffer.byteLength(text)} bytes.`);
  });
}

function addRenew(program: Command): void {
  const command = withAgent(
    program.command("renew").description("get the agent's next certificate now, as after a change of the intermediate"),
  );
  examples(command, "renew --dir ./a");
  command.action(async (options: AgentOption) => {
    const { json = false } = options;
    const { certificateEnds } = (await ask(options, calls.RENEW, RENEW_TIMEOUT_MS)) as { certificateEnds: number };
    await print(json, { certificateEnds }, `The certificate now ends at ${new Date(certificateEnds).toISOString()}.`);
  });
}

interface LeaveOptions extends AgentOption {
  readonly drain: number;
}

function addLeave(program: Command): void {
  const command = withAgent(program.command("leave").description("make the agent leave the network and end"));
  command.addOption(drainOption("how long what is open may take to end"));
  examples(command, "leave --dir ./a", "leave --dir ./a --drain 0");
  command.action(async (options: LeaveOptions) => {
    const { json = false, drain } = options;
    const drainMs = drain * 1_000;
    await print(json, await ask(options, calls.leave(drainMs), drainMs + LEAVE_TIMEOUT_MS), "The agent has left.");
  });
}
