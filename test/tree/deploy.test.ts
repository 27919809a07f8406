/** The files of deploy/, as far as they can be checked without the machines that they are for. Needs a build: `npm run build`. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { createProgram } from "../../dist/cli/program.js";
import { ROOT, read } from "../support/tree.js";

const authority = (await createProgram()).commands.find((command: Command) => command.name() === "ca")!;
const FLAGS = new Set(authority.options.map(({ long }) => long));

/** Flags of a command line that `fireflies ca` does not have. */
function unknownFlags(words: readonly string[]): string[] {
  return words.filter((word) => word.startsWith("--")).filter((word) => !FLAGS.has(word.split("=")[0]!));
}

describe("deploy/fireflies-ca.service", () => {
  const unit = read("deploy/fireflies-ca.service");
  const line = /^ExecStart=(.*)$/m.exec(unit)?.[1] ?? "";

  it("starts the authority with flags that it has", () => {
    expect(line).toContain(" fireflies ca ");
    expect(unknownFlags(line.split(" "))).toEqual([]);
  });

  it("keeps secrets out of the unit and the directory for its owner", () => {
    expect(unit).toMatch(/^StateDirectoryMode=0700$/m);
    expect(unit).toMatch(/^LoadCredential=passphrase:/m);
    expect(unit).not.toMatch(/^Environment=.*PASSPHRASE/m);
  });

  const has = spawnSync("systemd-analyze", ["--version"]).status === 0;
  it.skipIf(!has)("passes systemd-analyze verify (needs systemd)", () => {
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", join(ROOT, "deploy/fireflies-ca.service")], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
});

describe("deploy/Containerfile", () => {
  const text = read("deploy/Containerfile").replaceAll("\\\n", " ");
  const steps = text.split("\n").filter((each) => each !== "" && !each.startsWith("#"));

  it("has only instructions that there are, and ends as no root", () => {
    const names = steps.map((step) => step.split(" ")[0]);
    const known = ["FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"];
    expect(names.filter((name) => !known.includes(name ?? ""))).toEqual([]);
    expect(steps.findLast((step) => step.startsWith("USER "))).toBe("USER node");
  });

  it("runs the authority with flags that it has", () => {
    const command = JSON.parse(steps.find((step) => step.startsWith("CMD "))!.slice(4)) as string[];
    expect(command[0]).toBe("ca");
    expect(unknownFlags(command)).toEqual([]);
  });
});

interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string }[];
  readonly securityContext: { readonly readOnlyRootFilesystem: boolean };
  readonly [probe: string]: unknown;
}
interface Pod {
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
  readonly enableServiceLinks: boolean;
  readonly securityContext: { readonly runAsNonRoot: boolean };
}
interface Resource {
  readonly kind: string;
  readonly spec: {
    readonly template: { readonly spec: Pod; readonly metadata: { readonly annotations: Record<string, string> } };
    readonly volumeClaimTemplates: readonly { readonly metadata: { readonly name: string } }[];
    readonly ports: readonly { readonly targetPort: string }[];
  };
}

describe("deploy/kubernetes.yaml", () => {
  const documents = parseAllDocuments(read("deploy/kubernetes.yaml"));
  const resources = documents.map((document) => document.toJS() as Resource);
  const ofKind = (kind: string) => resources.find((each) => each.kind === kind)!;

  it("is YAML of three resources", () => {
    expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
    expect(resources.map(({ kind }) => kind)).toEqual(["Service", "StatefulSet", "NetworkPolicy"]);
  });

  it("runs the authority with flags that it has, and probes what it serves", () => {
    const { template } = ofKind("StatefulSet").spec;
    const [container] = template.spec.containers;
    expect(container!.args![0]).toBe("ca");
    expect(unknownFlags(container!.args!)).toEqual([]);
    const names = container!.ports!.map(({ name }) => name);
    const probed = ["startupProbe", "livenessProbe", "readinessProbe"].map((probe) => {
      const { httpGet } = container![probe] as { httpGet: { path: string; port: string } };
      expect(names).toContain(httpGet.port);
      return httpGet.path;
    });
    expect(probed).toEqual(["/healthz", "/healthz", "/readyz"]);
    expect(names).toContain(ofKind("Service").spec.ports[0]!.targetPort);
    const admin = container!.ports!.find(({ name }) => name === "admin")!.containerPort;
    expect(template.metadata.annotations["prometheus.io/port"]).toBe(String(admin));
  });

  it("mounts only volumes that there are, as no root and with nothing to write but its state", () => {
    const { template, volumeClaimTemplates } = ofKind("StatefulSet").spec;
    const { containers, initContainers, volumes, enableServiceLinks, securityContext } = template.spec;
    const declared = [...volumes.map(({ name }) => name), ...volumeClaimTemplates.map(({ metadata }) => metadata.name)];
    const all = [...containers, ...initContainers];
    expect(
      all
        .flatMap(({ volumeMounts }) => volumeMounts.map(({ name }) => name))
        .filter((name) => !declared.includes(name)),
    ).toEqual([]);
    expect(all.every((each) => each.securityContext.readOnlyRootFilesystem)).toBe(true);
    expect([enableServiceLinks, securityContext.runAsNonRoot]).toEqual([false, true]);
  });
});
