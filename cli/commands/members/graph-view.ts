/** A graph of the network as text for people, and in DOT for Graphviz. */
import type { Graph } from "../../api/graph.js";
import { counted, memberTitle, shortId, table } from "../../output.js";

type Titled = (id: string) => string;

function titles({ members }: Graph): Titled {
  const names = new Map(members.map(({ id, name }) => [id, name ?? undefined]));
  return (id) => memberTitle({ id, name: names.get(id) });
}

export function graphText(graph: Graph): string {
  const title = titles(graph);
  const streamsOf = (link: string) =>
    graph.streams
      .filter((each) => each.link === link)
      .map(({ protocol, openedBy, count }) => {
        const direction = openedBy === graph.self ? "to it" : "from it";
        return `${count} ${direction}${protocol === "" ? "" : ` ${protocol}`}`;
      })
      .join(", ");
  const rows = graph.links.map(({ id, to, path, via, rttMs }) => [
    title(to),
    path,
    via.map(title).join(" > ") || "-",
    rttMs === null ? "-" : `${rttMs} ms`,
    String(graph.sessions.filter(({ link }) => link === id).length),
    streamsOf(id) || "-",
  ]);
  const links = table([["MEMBER", "PATH", "VIA", "RTT", "SESSIONS", "STREAMS"], ...rows]);
  const services = counted(graph.controllers.length, "service", "services");
  return `${title(graph.self)} and ${counted(graph.links.length, "other member", "other members")}, ${services}\n${links}`;
}

/** Lines by path: dotted where there is none, dashed through relays. */
const STYLES: Readonly<Record<string, string>> = { none: "dotted", relayed: "dashed", punched: "bold" };

export function graphDot(graph: Graph): string {
  const title = titles(graph);
  const quoted = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
  const nodes = graph.members.map(({ id, state }) => {
    const more = id === graph.self ? ", penwidth=2" : state === "live" ? "" : ", color=red";
    return `  ${quoted(id)} [label=${quoted(title(id))}${more}];`;
  });
  const links = graph.links.map(({ from, to, path, via, rttMs }) => {
    const through = via.length === 0 ? "" : ` via ${via.map(shortId).join(" > ")}`;
    const label = `${path}${through}${rttMs === null ? "" : `, ${rttMs} ms`}`;
    return `  ${quoted(from)} -- ${quoted(to)} [label=${quoted(label)}, style=${STYLES[path] ?? "solid"}];`;
  });
  const controllers = graph.controllers.flatMap(({ id, member, name, kind }) => [
    `  ${quoted(id)} [label=${quoted(`${name} (${kind})`)}, shape=box];`,
    `  ${quoted(member)} -- ${quoted(id)} [style=dotted];`,
  ]);
  return ["graph fireflies {", ...nodes, ...links, ...controllers, "}"].join("\n");
}
