/** Opens an address in the user's browser. Where there is none, the user reads the printed address. */
import { spawn } from "node:child_process";
import { platform } from "node:os";

/** The program that opens an address, and its first arguments; undefined where no browser can show anything. */
export function openerOf(env: NodeJS.ProcessEnv, system = platform()): readonly string[] | undefined {
  if (env.BROWSER) return [env.BROWSER];
  if (system === "darwin") return ["open"];
  if (system === "win32") return ["cmd", "/c", "start", ""];
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ["xdg-open"] : undefined;
}

/** False when nothing could be started. Other users of this machine see the arguments of processes, and so the address. */
export async function openBrowser(address: string, env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  const [program, ...args] = openerOf(env) ?? [];
  if (program === undefined) return false;
  const child = spawn(program, [...args, address], { detached: true, stdio: "ignore" });
  child.unref();
  return await new Promise((resolve) => {
    child.once("spawn", () => resolve(true)).once("error", () => resolve(false));
  });
}
