/** `fireflies plan`: how many rings a network needs, and what a given number of them tolerates (docs/protocol.md, section 2). */
import type { Command } from "commander";
import {
  expectedExposed,
  holdsFrom,
  RING_COUNT_MAX,
  RISK_DEFAULT,
  ringsNeeded,
  tolerated,
} from "../../../rings/index.js";
import { usage } from "../../failure.js";
import { print } from "../../output.js";
import { examples, type JsonOption, number, withJson } from "../common.js";

const MEMBERS_MAX = 10_000_000;

interface PlanOptions extends JsonOption {
  readonly members: number;
  readonly byzantine: number;
  readonly rings?: number;
  readonly risk: number;
}

export function addPlan(program: Command): void {
  const command = withJson(
    program.command("plan").description("rings needed for a network, and what a ring count tolerates"),
  );
  command
    .requiredOption("--members <n>", "members at most", number(2, MEMBERS_MAX, true))
    .requiredOption("--byzantine <p>", "share of them that may be liars, such as 0.1", number(0, 0.999, false))
    .option("--rings <k>", "say what this many rings tolerate", number(1, RING_COUNT_MAX, true))
    .option(
      "--risk <eps>",
      "accepted risk that any member at all is exposed",
      number(1e-12, 0.999, false),
      RISK_DEFAULT,
    );
  examples(command, "plan --members 1000 --byzantine 0.2", "plan --members 1000 --byzantine 0.1 --rings 10");
  command.action(async (options: PlanOptions) => {
    const plan = outOfRangeIsUsage(() => planFor(options));
    await print(options.json ?? false, plan, describe(plan));
  });
}

type Plan = ReturnType<typeof planFor>;

function planFor({ members, byzantine, risk, rings: given }: PlanOptions) {
  const rings = given ?? ringsNeeded({ members, byzantine, risk }).rings;
  const { t, byzantine: share, byzantineMembers } = tolerated({ members, rings, risk });
  return {
    members,
    byzantine,
    risk,
    rings,
    t,
    given: given !== undefined,
    holds: holdsFrom({ members, byzantine, rings, risk }) !== undefined,
    holdsFrom: holdsFrom({ members, byzantine, rings, risk }) ?? null,
    toleratedShare: share,
    toleratedMembers: byzantineMembers,
    expectedExposed: expectedExposed({ members, byzantine, rings }),
  };
}

function describe(plan: Plan): string {
  const { members, rings, t, risk } = plan;
  const share = percent(plan.byzantine);
  const head = plan.given ? `${rings} rings (t = ${t}), as given.` : `${rings} rings (t = ${t}) are needed.`;
  const verdict = plan.holds
    ? `With ${share} liars among ${members} members, the risk that any member at all is exposed is at most ${risk}. This holds from ${plan.holdsFrom} members on.`
    : `They do not tolerate ${share} liars among ${members} members at a risk of ${risk}.`;
  return [
    head,
    verdict,
    `At this size they tolerate ${percent(plan.toleratedShare)} liars (${plan.toleratedMembers} members).`,
    `Members expected to have more than t Byzantine predecessors: ${plan.expectedExposed.toPrecision(2)}.`,
  ].join("\n");
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))} %`;
}

function outOfRangeIsUsage<T>(compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    throw error instanceof RangeError ? usage(`${error.message}.`) : error;
  }
}
