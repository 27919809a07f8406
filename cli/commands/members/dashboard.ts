/** `fireflies dashboard`, `record` and `replay`: the network in a browser, its last hour in a file, and that file in a browser. */
import type { Command } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { KEY_FILE_MODE } from "../../../identity/files/files.js";
import { checkOutput, writeOutput } from "../../../identity/files/output-file.js";
import { recording, STATUS } from "../../api/caller/calls.js";
import { ask, askText } from "../../api/caller/client.js";
import { nameOf } from "../../api/place.js";
import type { AgentStatus } from "../../api/status.js";
import { openBrowser } from "../../browser/open.js";
import { recordedIn, recordedText } from "../../browser/recording-file.js";
import { readInput } from "../../input-file.js";
import { print } from "../../output.js";
import { outputFile } from "../../output-file.js";
import { fired, untilTold } from "../../signals.js";
import { type AgentOption, examples, type JsonOption, number, withAgent, withJson } from "../common.js";

/** What an agent keeps. */
const SECONDS_MAX = 3_600;

interface OpenOption {
  /** False with --no-open. */
  readonly open: boolean;
}
interface RecordOptions extends AgentOption {
  readonly out: string;
  readonly seconds: number;
}
interface ReplayOptions extends OpenOption, JsonOption {
  readonly out?: string;
}

export function addDashboards(program: Command): void {
  const dashboard = withAgent(
    program
      .command("dashboard")
      .description("open the agent's page in a browser: the rings, and all that happens there"),
  ).option("--no-open", "print the address alone");
  examples(dashboard, "dashboard", "dashboard --no-open");
  dashboard.action(openDashboard);

  const record = withAgent(
    program.command("record").description("write what the agent saw in the last hour to a file, to be replayed"),
  )
    .requiredOption("--out <file>", "the file; - is standard output")
    .option("--seconds <s>", "of the last so many seconds", number(1, SECONDS_MAX, true), SECONDS_MAX);
  examples(record, "record --out incident.jsonl", "record --seconds 300 --out -");
  record.action(writeRecording);

  const replay = withJson(
    program.command("replay").description("open a recording in a browser: play, pause, scrub").argument("<file>"),
  )
    .option("--no-open", "serve the page and print its address alone")
    .option("--out <file>", "write the page to a file instead, to be passed on");
  examples(replay, "replay incident.jsonl", "replay incident.jsonl --out incident.html");
  replay.action(replayFile);
}

async function openDashboard({ open, json = false, ...place }: AgentOption & OpenOption): Promise<void> {
  const { admin, addresses } = (await ask(place, STATUS)) as AgentStatus & { readonly admin?: string };
  if (admin === undefined) {
    throw new FirefliesError("admin-closed", `${nameOf(place)} has no admin port.`, {
      advice: "Start it with `--admin 0`, or admin in its configuration.",
    });
  }
  const url = pageUrl(admin, addresses);
  const isOpened = open && process.stdout.isTTY && (await openBrowser(url));
  await print(json, { url, opened: isOpened === true }, isOpened ? `${url} is opened in your browser` : url);
}

/** An agent that listens everywhere is found where its member is. */
export function pageUrl(admin: string, addresses: readonly string[]): string {
  const url = new URL(admin);
  const isEverywhere = url.hostname === "0.0.0.0" || url.hostname === "[::]";
  const own = addresses.map((address) =>
    URL.canParse(`tcp://${address}`) ? new URL(`tcp://${address}`).hostname : "",
  );
  if (isEverywhere) url.hostname = own.find((host) => host !== "") ?? url.hostname;
  return url.href;
}

async function writeRecording({ out, seconds, json = false, ...place }: RecordOptions): Promise<void> {
  const { output, name, print: say } = outputFile(out, { bytes: false });
  await checkOutput(output);
  const text = await askText(place, recording(seconds));
  const recorded = recordedIn(text, nameOf(place));
  // It holds what members say of themselves: for its owner, until that one passes it on.
  await writeOutput(output, text, { mode: KEY_FILE_MODE });
  const { members, events, from, to } = recorded;
  await say(json, { file: name, members, events, from, to }, `${name}: ${recordedText(recorded)}`);
}

async function replayFile(file: string, { out, open, json = false }: ReplayOptions): Promise<void> {
  const recorded = recordedIn(String(await readInput(file)), file);
  const { playerOf, readPlayer } = await import("../../report/player.js");
  const player = await readPlayer();
  if (player === undefined) {
    const advice = "It comes with the package; in a clone, `npm run build` makes it.";
    throw new FirefliesError("not-found", "The page that plays recordings is not there.", { advice });
  }
  const page = playerOf(player, recorded.lines);
  if (out !== undefined) {
    const { output, name, print: say } = outputFile(out, { bytes: false });
    await writeOutput(output, page, { mode: KEY_FILE_MODE });
    return await say(json, { file: name }, `${name}: ${recordedText(recorded)}`);
  }
  const told = untilTold();
  const { servePage } = await import("../../browser/replay.js");
  const { url, close } = await servePage(page);
  const isOpened = open && process.stdout.isTTY && (await openBrowser(url));
  const shown = isOpened ? `${url} is opened in your browser` : url;
  await print(json, { url, opened: isOpened === true }, `${recordedText(recorded)}\n${shown}\nCtrl-C ends it.`);
  await fired(told);
  close();
}
