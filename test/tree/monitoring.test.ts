/** The dashboard, the alerts and the compose file of deploy/: they ask for metrics that there are, and start what there is. Needs a build. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectDefaultMetrics, Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { AUTHORITY_DEFINITIONS } from "../../ca/http/authority-definitions.js";
import { MEMBER_DEFINITIONS } from "../../ops/metrics/member-definitions.js";
import { alertRules } from "../support/alerts.js";
import { unknownFlags } from "../support/flags.js";
import { HAS_PROMTOOL } from "../support/promtool.js";
import { FILES, ROOT, read } from "../support/tree.js";

const PROMETHEUS = join(ROOT, "deploy/prometheus");

/** Of a series, by name: its labels. Those that Prometheus itself adds are everybody's. */
const LABELS = new Map<string, readonly string[]>();
for (const { name, kind, labels = [] } of [...MEMBER_DEFINITIONS, ...AUTHORITY_DEFINITIONS]) {
  if (kind === "histogram")
    for (const part of ["bucket", "sum", "count"]) LABELS.set(`${name}_${part}`, [...labels, "le"]);
  else LABELS.set(name, labels);
}
const ofProcess = new Registry();
collectDefaultMetrics({ register: ofProcess });
for (const { name } of ofProcess.getMetricsAsArray()) LABELS.set(name, []);
LABELS.set("up", []);
const EVERYBODYS = ["instance", "job", "alertname", "alertstate", "severity"];

/** Names in a query, and what it says of labels. */
function namesIn(query: string): readonly string[] {
  const bare = query
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\{[^}]*\}/g, "")
    .replace(/\b(?:by|without) \([^)]*\)/g, "");
  const words = bare.match(/\b[a-z_]+\b(?!\()/g) ?? [];
  return words.filter((word) => word.includes("_") || word === "up").filter((word) => !word.startsWith("__"));
}

function labelsIn(query: string): readonly string[] {
  const inBraces = [...query.matchAll(/\{([^}]*)\}/g)].flatMap(([, text = ""]) => text.match(/\w+(?=\s*[=!])/g) ?? []);
  const by = [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, text = ""]) => text.split(/,\s*/));
  return [...inBraces, ...by];
}

/** What is wrong with a query. */
function unknownIn(query: string): readonly string[] {
  const names = namesIn(query);
  const known = new Set([...EVERYBODYS, ...names.flatMap((name) => LABELS.get(name) ?? [])]);
  return [...names.filter((name) => !LABELS.has(name)), ...labelsIn(query).filter((label) => !known.has(label))];
}

function promtool(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync("promtool", words, { encoding: "utf8", cwd: PROMETHEUS });
  return status === 0 ? "" : `${stdout}${stderr}`;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

const dashboard = JSON.parse(read("deploy/grafana/dashboards/fireflies.json")) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
);

describe("the dashboard for Grafana", () => {
  it.each(queries)("$title: $expr asks for what there is", ({ expr, legendFormat }) => {
    expect(unknownIn(expr)).toEqual([]);
    const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
    const kept = /\bby \(/.test(expr) ? labelsIn(expr) : EVERYBODYS;
    expect(shown.filter((label) => !kept.includes(label ?? ""))).toEqual([]);
  });

  it("has panels with ids of their own, and the variables that they use", () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const variables = ["__rate_interval", ...dashboard.templating.list.map(({ name }) => name)];
    const used = queries.flatMap(({ expr }) => [...expr.matchAll(/\$(\w+)/g)].map(([, name]) => name));
    expect(used.filter((name) => !variables.includes(name ?? ""))).toEqual([]);
    expect(
      dashboard.templating.list.map(({ definition = "" }) => unknownIn(definition.replace("label_values", ""))),
    ).toEqual([[], []]);
  });

  it.skipIf(!HAS_PROMTOOL)("has queries that Prometheus can read (needs the Debian package prometheus)", () => {
    const place = mkdtempSync(join(tmpdir(), "ff-queries-"));
    try {
      const rules = queries.map(({ expr }, index) => ({
        record: `panel:${index}`,
        expr: expr.replaceAll("$__rate_interval", "1m").replaceAll("$member", ".*"),
      }));
      writeFileSync(join(place, "queries.json"), JSON.stringify({ groups: [{ name: "panels", rules }] }));
      expect(promtool("check", "rules", join(place, "queries.json"))).toBe("");
    } finally {
      rmSync(place, { recursive: true });
    }
  });

  it("would be found out if a metric were renamed", () => {
    expect(unknownIn('sum by (service) (rate(fireflies_messages_gone_total{instance=~"a"}[1m]))')).toEqual([
      "fireflies_messages_gone_total",
      "service",
    ]);
  });
});

describe("the alerts", () => {
  const rules = alertRules();

  it.each(rules)(
    "$alert asks for what there is, and says what it means and what to do",
    ({ expr, severity, summary, action }) => {
      expect(unknownIn(expr)).toEqual([]);
      expect(["critical", "warning"]).toContain(severity);
      for (const text of [summary, action]) expect(text).toMatch(/^[A-Z`].*\.$/);
    },
  );

  it("are each tried", () => {
    const tried = read("deploy/prometheus/rules.test.yml");
    expect(rules.filter(({ alert }) => !tried.includes(`alertname="${alert}"`)).map(({ alert }) => alert)).toEqual([]);
  });

  it.skipIf(!HAS_PROMTOOL)("pass promtool, with their tests (needs the Debian package prometheus)", () => {
    expect(promtool("check", "rules", "rules.yml")).toBe("");
    expect(promtool("test", "rules", "rules.test.yml")).toBe("");
    expect(promtool("check", "config", "prometheus.yml")).toBe("");
  });
});

interface ComposeService {
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly image: string;
  readonly command?: readonly string[];
  readonly network_mode?: string;
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly volumes?: readonly string[];
}

describe("deploy/compose.yaml", () => {
  const compose = parse(read("deploy/compose.yaml"), { merge: true }) as {
    readonly services: Readonly<Record<string, ComposeService>>;
    readonly volumes: Readonly<Record<string, null>>;
  };
  const services = Object.entries(compose.services);
  const lineOf = ({ command = [] }: ComposeService) => command.join(" ").split(/\s+/);
  const adminPorts = services.flatMap(([, service]) => {
    const words = lineOf(service);
    const at = words.findIndex((word) => word === "--admin" || word === "--admin-port");
    return at < 0 ? [] : [words[at + 1]!.split(":").at(-1)!];
  });

  it("has an authority, three members, Prometheus and Grafana", () => {
    expect(services.map(([name]) => name)).toEqual([
      ...["authority", "tokens", "alice", "bob", "carol", "prometheus", "grafana"],
    ]);
  });

  it.each(services)("%s starts what there is: flags, files, volumes and services", (_, service) => {
    if (service.image.startsWith("fireflies")) expect(unknownFlags(lineOf(service))).toEqual([]);
    if (service.build) expect(FILES).toContain(service.build.dockerfile);
    const [, network] = /^service:(.*)$/.exec(service.network_mode ?? "") ?? [];
    for (const name of [...Object.keys(service.depends_on ?? {}), ...(network ? [network] : [])])
      expect(Object.keys(compose.services)).toContain(name);
    for (const [from = ""] of (service.volumes ?? []).map((volume) => volume.split(":"))) {
      if (from.startsWith("./")) expect(FILES.some((file) => file.startsWith(`deploy/${from.slice(2)}/`))).toBe(true);
      else expect(Object.keys(compose.volumes)).toContain(from);
    }
  });

  it("has Prometheus ask every member and the authority where they serve metrics", () => {
    const config = parse(read("deploy/prometheus/prometheus.yml")) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    const targets = config.scrape_configs.flatMap(({ static_configs }) =>
      static_configs.flatMap((each) => each.targets),
    );
    expect(targets.map((target) => target.split(":")[1]).sort()).toEqual([...adminPorts].sort());
    const jobs = [...read("deploy/prometheus/rules.yml").matchAll(/job="([\w-]+)"/g)].map(([, job]) => job);
    for (const job of jobs) expect(read("deploy/prometheus/prometheus.yml")).toContain(`job_name: ${job}\n`);
  });
});
