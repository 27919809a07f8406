/** A JWT in a file, as Kubernetes projects one into a pod and replaces it before it ends. */
import { readFile, stat } from "node:fs/promises";
import { FirefliesError, messageOf } from "../../identity/index.js";

/** The authority takes 8,192 characters. */
const FILE_BYTES_MAX = 16_384;
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Rejects with "jwt-unreadable". */
export async function readJwt(path: string): Promise<string> {
  let text: string;
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error("it is no regular file"); // A pipe or a device may have no end.
    if (found.size > FILE_BYTES_MAX) throw new Error(`it is larger than ${FILE_BYTES_MAX} bytes`);
    text = (await readFile(path, "utf8")).trim();
  } catch (cause) {
    throw new FirefliesError("jwt-unreadable", `${path} cannot be read: ${messageOf(cause)}.`, { cause });
  }
  if (JWT.test(text)) return text;
  throw new FirefliesError("jwt-unreadable", `${path} holds no JWT: three parts in base64url, with dots between them.`);
}
