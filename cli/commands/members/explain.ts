/** `fireflies explain`: why a member stands as it does in the agent's view. */
import type { Command } from "commander";
import type { Explanation } from "../../../client/history/explanation.js";
import { explain } from "../../api/caller/calls.js";
import { ask } from "../../api/caller/client.js";
import { print } from "../../output.js";
import { type AgentOption, examples, withAgent } from "../common.js";

export function addExplain(program: Command): void {
  const command = program
    .command("explain")
    .description("why a member stands as it does: who accused it, who answered, what was missed, why it went");
  withAgent(
    command.argument("<member>", "its name, its id or the beginning of that; gone ones and the agent's own too"),
  );
  examples(command, "explain bob", "explain 3fa91c --json");
  command.action(async (member: string, options: AgentOption) => {
    const { json = false } = options;
    const explanation = (await ask(options, explain(member))) as Explanation;
    await print(json, explanation, explanationText(explanation));
  });
}

/** The answer, then what led to it. */
function explanationText({ sentences: [answer = "", ...rest] }: Explanation): string {
  return rest.length === 0 ? answer : [answer, "", ...rest.map((sentence) => `  ${sentence}`)].join("\n");
}
