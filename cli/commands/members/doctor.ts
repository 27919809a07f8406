/** `fireflies doctor`: whether others can reach the agent, by which address and transport, and what to do. */
import type { Command } from "commander";
import type { DoctorReport } from "../../../client/reach/doctor.js";
import { FirefliesError } from "../../../identity/errors/error.js";
import { DOCTOR } from "../../api/caller/calls.js";
import { ask } from "../../api/caller/client.js";
import { nameOf } from "../../api/place.js";
import { print } from "../../output.js";
import { type AgentOption, examples, withAgent } from "../common.js";
import { countedProblems, doctorText } from "./doctor-view.js";

/** Three members dial what may not answer, at once, and are pinged. */
const TIMEOUT_MS = 30_000;

export function addDoctor(program: Command): void {
  const command = withAgent(
    program
      .command("doctor")
      .description("have three members dial the agent back: what others reach, what they see it as, and what to do"),
  );
  examples(command, "doctor", "doctor --dir ./a --json");
  command.addHelpText("after", "\nExit code 0 when nothing is to be done, 1 when something is.");
  command.action(async (options: AgentOption) => {
    const { json = false } = options;
    const report = (await ask(options, DOCTOR, TIMEOUT_MS)) as DoctorReport;
    await print(json, report, doctorText(report, Date.now()));
    if (report.ok) return;
    throw new FirefliesError("problems-found", `${nameOf(options)} has ${countedProblems(report.findings)}.`);
  });
}
