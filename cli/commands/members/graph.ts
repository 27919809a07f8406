/** `fireflies graph`: the members as the agent sees them, how each is reached, and what runs between them. */
import { type Command, Option } from "commander";
import { GRAPH } from "../../api/caller/calls.js";
import { ask } from "../../api/caller/client.js";
import type { Graph } from "../../api/graph.js";
import { print } from "../../output.js";
import { type AgentOption, examples, withAgent } from "../common.js";
import { graphDot, graphText } from "./graph-view.js";

interface GraphOptions extends AgentOption {
  readonly dot?: true;
}

export function addGraph(program: Command): void {
  const command = withAgent(
    program
      .command("graph")
      .description(
        "members, links with their paths, sessions, streams by protocol and services, as the agent sees them",
      ),
  ).addOption(new Option("--dot", "in the language of Graphviz").conflicts("json"));
  examples(command, "graph", "graph --json", "graph --dot | dot -Tsvg > network.svg");
  command.action(async (options: GraphOptions) => {
    const graph = (await ask(options, GRAPH)) as Graph;
    await print(options.json ?? false, graph, options.dot ? graphDot(graph) : graphText(graph));
  });
}
