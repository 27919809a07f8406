/** A JWT in a file, as Kubernetes projects one into a pod and replaces it before it ends. */
import { stat } from "node:fs/promises";
import { FirefliesError, isCompactJwt, JWT_CHARACTERS_MAX, messageOf, readAtMost } from "../../identity/index.js";

/** A JWT, and blanks around it. */
const FILE_BYTES_MAX = 2 * JWT_CHARACTERS_MAX;

/** Rejects with "jwt-unreadable". */
export async function readJwt(path: string): Promise<string> {
  let text: string;
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error("it is no regular file"); // A pipe or a device may have no end.
    text = (await readAtMost(path, FILE_BYTES_MAX)).toString("utf8").trim();
  } catch (cause) {
    throw new FirefliesError("jwt-unreadable", `${path} cannot be read: ${messageOf(cause)}.`, { cause });
  }
  if (isCompactJwt(text)) return text;
  throw new FirefliesError("jwt-unreadable", `${path} holds no JWT: three parts in base64url, with dots between them.`);
}
