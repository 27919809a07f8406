/**
 * Packages that only some users need: npm leaves them out with `--omit=optional`. Each is loaded on its first use, and
 * when it is missing that use says so.
 */
import { FirefliesError } from "./error.js";
import { isCode } from "./files.js";

/** What Node says when an import or a require finds nothing. */
const NOT_FOUND: ReadonlySet<unknown> = new Set(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"]);

/**
 * Runs `load`, which imports `name` or a file that does. Rejects with "package-missing" when the package is not there,
 * with "permission-model" when Node may load no native code, and with what it threw when it is there and fails. `user` needs it, as "The authority".
 */
export async function loadOptional<T>(name: string, user: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (isCode(cause, "ERR_DLOPEN_DISABLED")) {
      const message = `${user} needs the native code of ${name}, and Node's permission model forbids it.`;
      throw new FirefliesError("permission-model", message, {
        cause,
        advice: "Start Node with --allow-addons as well.",
      });
    }
    if (!isMissing(cause, name)) throw cause;
    throw new FirefliesError(
      "package-missing",
      `${user} needs the package ${name}, which is not installed. Install fireflies with its optional packages: npm install --include=optional.`,
      { cause },
    );
  }
}

/** Its native part counts as a part of it: libsql asks for one named after the platform, "@libsql/linux-x64-gnu". */
function isMissing(cause: unknown, name: string): boolean {
  if (!(cause instanceof Error && "code" in cause && NOT_FOUND.has(cause.code))) return false;
  return [`'${name}'`, `'${name}/`, `'@${name}/`].some((quoted) => cause.message.includes(quoted));
}
