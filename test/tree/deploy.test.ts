/** The files of deploy/, as far as they can be checked without the machines that they are for. Needs a build: `npm run build`. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";
import type { Container, Service } from "kubernetes-types/core/v1.js";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { unknownFlags } from "../support/flags.js";
import { ROOT, read } from "../support/tree.js";

const UNITS = [
  { file: "deploy/fireflies-ca.service", command: "ca", secret: /^LoadCredential=passphrase:/m },
  {
    file: "deploy/fireflies-agent.service",
    command: "agent",
    secret: /^EnvironmentFile=-\/etc\/fireflies\/agent.env$/m,
  },
];

describe.each(UNITS)("$file", ({ file, command, secret }) => {
  const unit = read(file);
  const line = /^ExecStart=(.*)$/m.exec(unit)?.[1] ?? "";

  it("starts its command with flags that it has", () => {
    expect(line).toContain(` fireflies ${command} `);
    expect(unknownFlags(line.split(" "))).toEqual([]);
  });

  it("keeps secrets out of the unit and the directory for its owner", () => {
    expect(unit).toMatch(/^StateDirectoryMode=0700$/m);
    expect(unit).toMatch(secret);
    expect(unit).not.toMatch(/^Environment=/m);
  });

  const has = spawnSync("systemd-analyze", ["--version"]).status === 0;
  it.skipIf(!has)("passes systemd-analyze verify (needs systemd)", () => {
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", join(ROOT, file)], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
});

const IMAGES = [
  { file: "deploy/Containerfile", command: "ca" },
  { file: "deploy/Containerfile.agent", command: "agent" },
];

describe.each(IMAGES)("$file", ({ file, command }) => {
  const text = read(file).replaceAll("\\\n", " ");
  const steps = text.split("\n").filter((each) => each !== "" && !each.startsWith("#"));

  it("has only instructions that there are, and ends as no root", () => {
    const names = steps.map((step) => step.split(" ")[0]);
    const known = ["FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"];
    expect(names.filter((name) => !known.includes(name ?? ""))).toEqual([]);
    expect(steps.findLast((step) => step.startsWith("USER "))).toBe("USER node");
  });

  it("runs its command with flags that it has, in the directory that it declares", () => {
    const words = JSON.parse(steps.find((step) => step.startsWith("CMD "))!.slice(4)) as string[];
    expect(words[0]).toBe(command);
    expect(unknownFlags(words)).toEqual([]);
    expect(steps).toContain(`VOLUME ${words[words.indexOf("--dir") + 1]}`);
  });
});

const MANIFESTS = [
  { file: "deploy/kubernetes.yaml", command: "ca", kinds: ["Service", "StatefulSet", "NetworkPolicy"] },
  {
    file: "deploy/kubernetes-members.yaml",
    command: "agent",
    kinds: ["Service", "StatefulSet", "PodDisruptionBudget", "NetworkPolicy"],
  },
];
/** Where the types of each kind are in kubernetes-types, which are made from the schema of Kubernetes itself. */
const TYPES: Readonly<Record<string, string>> = {
  "v1/Service": "core/v1.js",
  "apps/v1/StatefulSet": "apps/v1.js",
  "networking.k8s.io/v1/NetworkPolicy": "networking/v1.js",
  "policy/v1/PodDisruptionBudget": "policy/v1.js",
};

const DIRECTORIES = ["/var/lib/fireflies/ca", "/var/lib/fireflies/member"];

interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
}

describe.each(MANIFESTS)("$file", ({ file, command, kinds }) => {
  const text = read(file);
  const documents = parseAllDocuments(text);
  const resources = documents.map((document) => document.toJS() as Resource);
  const { metadata, spec } = resources.find(({ kind }) => kind === "StatefulSet") as StatefulSet;
  const service = resources.find(({ kind }) => kind === "Service") as Service;
  const pod = spec!.template.spec!;
  const [container] = pod.containers as [Container];
  const all = [...pod.initContainers!, container];
  const dir = container.args!.find((arg) => arg.startsWith("--dir="))!.slice("--dir=".length);

  it("is YAML of its resources", () => {
    expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
    expect(resources.map(({ kind }) => kind)).toEqual(kinds);
  });

  it("fits the schema, with no field that Kubernetes does not know", () => {
    // Where node_modules is found and git does not look: tests beside this one read what git lists.
    const place = mkdtempSync(join(ROOT, "dist", "manifest-"));
    try {
      const lines = resources.map((resource, index) => {
        const types = TYPES[`${resource.apiVersion}/${resource.kind}`];
        return `export const r${index}: import("kubernetes-types/${types}").${resource.kind} = ${JSON.stringify(resource)};`;
      });
      writeFileSync(join(place, "resources.ts"), lines.join("\n"));
      const flags = ["--noEmit", "--strict", "--ignoreConfig", "--module", "nodenext", "--target", "es2023"];
      const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
      const compiled = spawnSync(process.execPath, [compiler, ...flags, "resources.ts"], {
        cwd: place,
        encoding: "utf8",
      });
      expect(compiled.stdout).toBe("");
      expect(compiled.status).toBe(0);
    } finally {
      rmSync(place, { recursive: true });
    }
  });

  it("runs its command with flags that it has, and probes what it serves", () => {
    expect(container.args![0]).toBe(command);
    expect(unknownFlags(container.args!)).toEqual([]);
    const names = container.ports!.map(({ name }) => name);
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      if (probe?.httpGet) expect(names).toContain(probe.httpGet.port);
      const words = probe?.exec?.command ?? [];
      expect(unknownFlags(words)).toEqual([]);
    }
    for (const { targetPort } of service.spec!.ports!) expect(names).toContain(targetPort);
  });

  it("names one directory: in the arguments, in what is done before, in probes and in the commands of its head", () => {
    const head = text.slice(0, text.indexOf("apiVersion"));
    const typed = [...head.matchAll(/--dir[ =](\S+)/g)].map(([, each]) => each);
    expect(typed).toContain(dir);
    for (const each of typed) expect(DIRECTORIES).toContain(each);
    const words = [
      ...pod.initContainers!.flatMap((each) => each.command!),
      ...(container.readinessProbe?.exec?.command ?? []),
    ];
    const used = words.flatMap((word) => word.match(/\/var\/lib\/fireflies\/\w+/g) ?? []);
    expect(new Set(used)).toEqual(new Set([dir]));
    const state = container.volumeMounts!.find(({ name }) => name === "state")!;
    expect(dir.startsWith(`${state.mountPath}/`)).toBe(true);
  });

  it("mounts only volumes that there are, as no root and with nothing to write but its state", () => {
    const declared = [...(pod.volumes ?? []), ...spec!.volumeClaimTemplates!.map((claim) => claim.metadata!)].map(
      ({ name }) => name,
    );
    const mounted = all.flatMap(({ volumeMounts }) => volumeMounts!.map(({ name }) => name));
    expect(mounted.filter((name) => !declared.includes(name))).toEqual([]);
    expect(all.every(({ securityContext }) => securityContext!.readOnlyRootFilesystem)).toBe(true);
    expect([pod.enableServiceLinks, pod.securityContext!.runAsNonRoot]).toEqual([false, true]);
  });

  it("belongs together: selectors, labels and the Service of the set", () => {
    const labels = spec!.template.metadata!.labels;
    expect(spec!.selector.matchLabels).toEqual(labels);
    expect(service.spec!.selector).toEqual(labels);
    expect([service.metadata!.name, spec!.serviceName]).toEqual([metadata!.name, metadata!.name]);
  });
});

describe("what pods of the authority tell Prometheus", () => {
  it("is the port that serves it", () => {
    const documents = parseAllDocuments(read("deploy/kubernetes.yaml")).map((document) => document.toJS() as Resource);
    const { template } = (documents.find(({ kind }) => kind === "StatefulSet") as StatefulSet).spec!;
    const admin = template.spec!.containers[0]!.ports!.find(({ name }) => name === "admin")!.containerPort;
    expect(template.metadata!.annotations!["prometheus.io/port"]).toBe(String(admin));
  });
});
