/**
 * Packages that only some users need: npm leaves them out with `--omit=optional`. Each is loaded on its first use, and
 * when it is missing that use says so.
 */
import { FirefliesError } from "./errors/error.js";
import { isCode } from "./files/files.js";

/** What Node says when an import or a require finds nothing. */
const NOT_FOUND: ReadonlySet<unknown> = new Set(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"]);

/**
 * For `import("name").catch(missing("name", "The authority"))`, or the import of a file that imports `name`. Throws
 * "package-missing" when the package is not there, "permission-model" when Node may load no native code, and what the
 * import threw when it is there and fails. Bundlers that do not find the package leave an import that is caught for
 * later, and refuse others.
 */
export function missing(name: string, user: string): (cause: unknown) => never {
  return (cause) => {
    if (isCode(cause, "ERR_DLOPEN_DISABLED")) {
      const message = `${user} needs the native code of ${name}, and Node's permission model forbids it.`;
      throw new FirefliesError("permission-model", message, {
        cause,
        advice: "Start Node with --allow-addons as well.",
      });
    }
    if (!isMissing(cause, name)) throw cause;
    throw new FirefliesError("package-missing", `${user} needs the package ${name}, which is not installed.`, {
      cause,
      advice: "Install fireflies with its optional packages: npm install --include=optional.",
    });
  };
}

/** Its native part counts as a part of it: libsql asks for one named after the platform, "@libsql/linux-x64-gnu". */
function isMissing(cause: unknown, name: string): boolean {
  if (!(cause instanceof Error && "code" in cause && NOT_FOUND.has(cause.code))) return false;
  return [`'${name}'`, `'${name}/`, `'@${name}/`].some((quoted) => cause.message.includes(quoted));
}
