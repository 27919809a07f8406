/** `fireflies bench`: what the agent and another member reach between them. */
import type { Command } from "commander";
import type { Measured } from "../../../services/bench/measure.js";
import { BYTES, IN_FLIGHT, SECONDS } from "../../../services/bench/wire.js";
import { bench } from "../../api/caller/calls.js";
import { follow } from "../../api/caller/client.js";
import { usage } from "../../failure.js";
import { shortAddress, toJson, writeLine } from "../../output.js";
import { untilTold } from "../../signals.js";
import { milliseconds } from "../../views.js";
import { type AgentOption, examples, number, withAgent } from "../common.js";
import { allowOption, carry } from "./forward.js";

const MIB = 2 ** 20;

interface BenchOptions extends AgentOption {
  readonly serve?: true;
  readonly allow?: readonly string[];
  readonly detach?: true;
  readonly id?: string;
  readonly seconds: number;
  readonly size: number;
  readonly inFlight: number;
}

export function addBench(program: Command): void {
  const command = withAgent(
    program
      .command("bench")
      .description("what the agent and a member reach between them: messages and streams; the member serves it")
      .argument("[member]", "its name, its id or the beginning of that"),
  )
    .option("--seconds <s>", "for each of the four parts", number(SECONDS.min, SECONDS.max, false), SECONDS.usual)
    .option("--size <bytes>", "of a message and its answer", number(BYTES.min, BYTES.max, true), BYTES.usual)
    .option(
      "--in-flight <n>",
      "messages that wait for their answers",
      number(IN_FLIGHT.min, IN_FLIGHT.max, true),
      IN_FLIGHT.usual,
    )
    .option("--serve", "let others measure with this agent, one at a time")
    .addOption(allowOption())
    .option("--detach", "with --serve: leave it to the agent, in its configuration, and end")
    .option("--id <name>", "with --detach: how the agent calls it");
  examples(command, "bench --serve --allow 'ops-*'", "bench bob", "bench bob --seconds 10 --size 4096 --json");
  command.action(async (member: string | undefined, options: BenchOptions) => {
    if (options.serve) return await serve(member, options);
    if (member === undefined) throw usage("Measuring needs a member.", "Name one, or give --serve to be measured.");
    await measureWith(member, options);
  });
}

async function serve(member: string | undefined, options: BenchOptions): Promise<void> {
  if (member !== undefined) throw usage("--serve waits for others to measure.", "Leave out the member, or --serve.");
  await carry("bench", { allow: options.allow }, options);
}

async function measureWith(member: string, options: BenchOptions): Promise<void> {
  const { json = false, seconds, size: bytes, inFlight } = options;
  const interrupted = untilTold();
  const lines = await follow(options, bench(member, { seconds, bytes, inFlight }), interrupted);
  try {
    for await (const value of lines.values) {
      const measured = value as Measured;
      await writeLine(json ? toJson(measured) : lineOf(measured));
    }
  } finally {
    lines.close();
  }
}

function lineOf(measured: Measured): string {
  switch (measured.event) {
    case "messages": {
      const { inFlight, bytes, perSecond, p50Ms, p99Ms } = measured;
      const took =
        p50Ms === undefined || p99Ms === undefined
          ? "none answered"
          : `p50 ${milliseconds(p50Ms)}, p99 ${milliseconds(p99Ms)}`;
      const how = inFlight === 1 ? "one at a time" : `${inFlight} in flight`;
      return row(`messages of ${bytes} bytes, ${how}`, `${Math.round(perSecond)}/s, ${took}`);
    }
    case "stream":
      return row(`stream ${measured.direction}`, `${(measured.bytesPerSecond / MIB).toFixed(1)} MiB/s`);
    case "path": {
      const { path = "none", via, address, rttMs } = measured;
      const by = via.length > 0 ? ` by ${via.map((id) => id.slice(0, 8)).join(", ")}` : "";
      const to = address === undefined || via.length > 0 ? "" : `, ${shortAddress(address)}`;
      return row("path", `${path}${by}${to}${rttMs === undefined ? "" : `, round trip ${milliseconds(rttMs)}`}`);
    }
  }
}

function row(what: string, found: string): string {
  return `${what.padEnd(44)} ${found}`;
}
