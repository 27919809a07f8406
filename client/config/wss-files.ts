/** The certificate that a member listens at wss: with, as files that an operator or a program like certbot keeps. */
import { FirefliesError, messageOf, readKeyText, readText } from "../../identity/index.js";
import type { MemberConfig } from "./resolve.js";

/**
 * PEM, read when it is called; undefined where none was named. Rejects with "config-unreadable" or "key-file-permissions".
 */
export async function wssOf(
  config: Pick<MemberConfig, "wssCert" | "wssKey"> | undefined,
): Promise<{ readonly cert: string; readonly key: string } | undefined> {
  const { wssCert, wssKey } = config ?? {};
  if (wssCert === undefined || wssKey === undefined) return undefined;
  return { cert: await textOf(wssCert, readText), key: await textOf(wssKey, readKeyText) };
}

async function textOf(path: string, read: (path: string) => Promise<string | undefined>): Promise<string> {
  let why = "there is no such file";
  try {
    const text = await read(path);
    if (text !== undefined) return text;
  } catch (error) {
    if (error instanceof FirefliesError) throw error;
    why = messageOf(error);
  }
  throw new FirefliesError("config-unreadable", `${path}, for wss:, cannot be read: ${why}.`);
}
