/** `fireflies ping`: how long a member takes to answer, by UDP and over the connection, and which way that goes. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { PING_TIMEOUT_MS } from "../../../client/timeouts.js";
import { FirefliesError } from "../../../identity/errors/error.js";
import { ping } from "../../api/caller/calls.js";
import { ANSWER_TIMEOUT_MS, ask } from "../../api/caller/client.js";
import { memberTitle, print } from "../../output.js";
import { untilTold } from "../../signals.js";
import { type RoundTripView, roundTripLine } from "../../views.js";
import { type AgentOption, examples, number, withAgent } from "../common.js";

const COUNT_DEFAULT = 3;
const COUNT_MAX = 1_000_000;
const TIMEOUT_SECONDS_MAX = 60;
/** Between two, milliseconds: as ping(8). */
const PAUSE_MS = 1_000;

interface PingOptions extends AgentOption {
  readonly count: number;
  readonly timeout: number;
}

export function addPing(program: Command): void {
  const command = program
    .command("ping")
    .description("how long a member takes to answer: by UDP and over its connection, and which way that goes");
  const seconds = number(0.001, TIMEOUT_SECONDS_MAX, false);
  withAgent(command.argument("<member>", "its name, its id or the beginning of that"))
    .option("--count <n>", "how often", number(1, COUNT_MAX, true), COUNT_DEFAULT)
    .option("--timeout <seconds>", "how long to wait for each answer", seconds, PING_TIMEOUT_MS / 1_000);
  examples(command, "ping bob", "ping 3fa91c --count 1 --json");
  command.action(async (id: string, options: PingOptions) => {
    const { json = false, count, timeout } = options;
    const interrupted = untilTold();
    const timeoutMs = timeout * 1_000;
    let [datagrams, calls] = [0, 0];
    let last: RoundTripView | undefined;
    for (let number = 0; number < count && !interrupted.aborted; number++) {
      if (number > 0) await sleep(PAUSE_MS, undefined, { signal: interrupted }).catch(() => {});
      if (interrupted.aborted) break;
      last = (await ask(options, ping(id, timeoutMs), timeoutMs + ANSWER_TIMEOUT_MS)) as RoundTripView;
      datagrams += Number(last.udpMs !== undefined);
      calls += Number(last.linkMs !== undefined);
      await print(json, last, roundTripLine(last));
    }
    if (last) conclude(last, datagrams, calls);
  });
}

/** A member that answers one way or the other is there. */
function conclude(last: RoundTripView, datagrams: number, calls: number): void {
  if (datagrams > 0 || calls > 0) return;
  const why = last.error === undefined ? "" : ` ${last.error.message}`;
  throw new FirefliesError(
    "peer-unreachable",
    `${memberTitle(last)} did not answer, by UDP or over a connection.${why}`,
  );
}
