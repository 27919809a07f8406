/** `fireflies join`: tells a running agent of a member that it has never heard of. */
import type { Command } from "commander";
import { JOIN_TIMEOUT_MS } from "../../../client/timeouts.js";
import { join } from "../../api/caller/calls.js";
import { ANSWER_TIMEOUT_MS, ask } from "../../api/caller/client.js";
import { counted, memberTitle, print } from "../../output.js";
import type { MemberView } from "../../views.js";
import { type AgentOption, examples, withAgent } from "../common.js";

export function addJoin(program: Command): void {
  const command = program
    .command("join")
    .description(
      "make the agent contact a member, and all whom that one knows: for parts of a network that lost each other",
    );
  withAgent(command.argument("<address>", "where the member listens, host:port"));
  examples(command, "join 10.0.0.5:8400");
  command.action(async (address: string, options: AgentOption) => {
    const { json = false } = options;
    const joined = await ask(options, join(address), JOIN_TIMEOUT_MS + ANSWER_TIMEOUT_MS);
    const { member, members } = joined as { readonly member: MemberView; readonly members: number };
    const view = counted(members, "member", "members");
    await print(
      json,
      joined,
      `${memberTitle(member)} at ${address} is in the view, which has ${view} besides the agent.`,
    );
  });
}
