/** A run of the simulator as a recording: what the page makes of it is what happened. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { playerOf, readPlayer } from "../../cli/report/player.js";
import { Recorder } from "../../cli/report/recorder.js";
import type { FeedEvent } from "../../dashboard/feed/forms.js";
import { type Recording, readRecording } from "../../dashboard/feed/recording.js";
import { apply, isThere, worldOf } from "../../dashboard/world/world.js";
import { choosePlan, type Plan, Run } from "../../sim/index.js";

const chosen = (adversaries: readonly string[], seed: number): Plan =>
  choosePlan({
    ...{ members: 12, byzantine: 3, rings: 9, seconds: 10, start: "whole", crypto: "fake", preset: "lan" },
    network: { latency: "lan", loss: 0, duplicates: 0, reordering: 0, bytesPerSecond: null },
    ...{ adversaries, seed, faults: ["crash"] },
  });

function recorded(adversaries: readonly string[], seed: number) {
  const plan = chosen(adversaries, seed);
  const recorder = new Recorder({
    ...{ title: "a run", rings: plan.rings, deltaMs: plan.settings.deltaMs, isWhole: true },
    adversaries: plan.adversaries,
  });
  const run = new Run(plan, { watcher: recorder });
  recorder.begin(run.simulation.members);
  run.finish();
  const recording = readRecording(recorder.lines().join("\n"));
  if (typeof recording === "string") throw new Error(recording);
  return { run, recording };
}

const kindsOf = ({ events }: Recording) => new Set(events.map((event) => ("kind" in event ? event.kind : event.event)));

describe("a recording of a run", () => {
  it.each([1, 2])("ends with the members that the correct ones see, seed %i", (seed) => {
    const { run, recording } = recorded(["false-accuser"], seed);
    expect(recording.skipped).toBe(0);
    const world = worldOf(recording.snapshot);
    expect(world.members.size).toBe(12);
    for (const event of recording.events) apply(world, event);
    const correct = run.simulation.members.find(({ isCorrect, state }) => isCorrect && state === "up")!;
    const seen = new Set<string>([correct.id, ...correct.machine.members().map(({ id }) => id)]);
    expect(new Set([...world.members.values()].filter(isThere).map(({ record }) => record.id))).toEqual(seen);
  });

  it("shows an attack: who lied, who answered, who died", () => {
    const { run, recording } = recorded(["false-accuser"], 1);
    const kinds = kindsOf(recording);
    for (const kind of ["accused", "rebutted", "crashed", "suspected", "removed"]) expect(kinds).toContain(kind);
    const liars = new Set<string>(run.simulation.members.filter(({ isCorrect }) => !isCorrect).map(({ id }) => id));
    const lies = recording.events.filter(
      (event): event is Extract<FeedEvent, { event: "history" }> => "by" in event && liars.has(event.by),
    );
    expect(lies.some(({ kind }) => kind === "accused")).toBe(true);
    expect(recording.snapshot.members.filter(({ metadata }) => metadata.includes("false-accuser")).length).toBe(3);
    const times = recording.events.map(({ at }) => at);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it("changes nothing in the run", () => {
    const { run } = recorded(["false-accuser"], 1);
    expect(run.result().digest).toBe(new Run(chosen(["false-accuser"], 1)).finish().result().digest);
  });
});

describe("the page that plays it", () => {
  it("holds the recording, whatever is in it, and is left out where it was not made", async () => {
    const dir = mkdtempSync(join(tmpdir(), "ff-player-"));
    writeFileSync(
      join(dir, "report.html"),
      '<script id="recording" type="application/x-ndjson">RECORDING-HERE</script>',
    );
    const player = await readPlayer(pathToFileURL(join(dir, "report.html")));
    const page = playerOf(player!, ['{"name":"</script>$&"}', "{}"]);
    expect(page).toBe('<script id="recording" type="application/x-ndjson">{"name":"\\u003c/script>$&"}\n{}</script>');
    expect(await readPlayer(pathToFileURL(join(dir, "nothing.html")))).toBeUndefined();
    rmSync(dir, { recursive: true });
  });
});
