/**
 * A one-shot command line in this process: what is printed, what is refused and with which exit code. It saves
 * the start of a process for each; that `main.js` prints and ends the same is shown by those that `command.ts` starts. One at a time.
 */
import { vi } from "vitest";
import type { CommandOptions, Outcome } from "./command.js";

/** The built one, as that of `command.ts`: it reads its version two directories above. */
const PROGRAM = new URL("../../dist/cli/program.js", import.meta.url).href;
const { run } = (await import(PROGRAM)) as typeof import("../../cli/program.js");

/** Runs a command to its end, in `cwd`, with `env` instead of all FIREFLIES_ variables of this process. */
export async function typed(
  args: readonly string[],
  { cwd, env = {} }: Omit<CommandOptions, "input" | "unread">,
): Promise<Outcome> {
  const before = { directory: process.cwd(), environment: process.env };
  const texts = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((chunk, ...more: unknown[]) => {
      texts[name] += String(chunk);
      const written = more.at(-1);
      if (typeof written === "function") process.nextTick(written);
      return true;
    }),
  );
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith("FIREFLIES_"));
  process.env = { ...Object.fromEntries(clean), HOME: cwd, ...env };
  process.chdir(cwd);
  try {
    return { code: await run(args), ...texts };
  } finally {
    process.chdir(before.directory);
    process.env = before.environment;
    for (const spy of spies) spy.mockRestore();
  }
}
