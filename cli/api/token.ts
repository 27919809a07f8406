/** The bearer token of an agent's API: a file of mode 0600 with one line, made when it is not there. */
import { timingSafeEqual } from "node:crypto";
import { FirefliesError } from "../../identity/errors/error.js";
import { atomicWrite, KEY_FILE_MODE, messageOf, readSecret } from "../../identity/files/files.js";
import { randomSecret } from "../../identity/files/secret.js";
import { sha256 } from "../../identity/keys/digest.js";

/** In the agent's directory, unless `api_token_file` names another one. */
export const TOKEN_FILE = "api.token";
/** Of a token that is made here: nobody guesses it. */
const TOKEN_BYTES = 32;
/** Of one that somebody chose. Shorter ones could be guessed. */
const TOKEN_CHARACTERS = /^[\x21-\x7e]{32,512}$/;

export class ApiToken {
  readonly #digest: Uint8Array;

  constructor(text: string) {
    this.#digest = sha256(Buffer.from(text));
  }

  /** Takes as long whatever the difference is: digests are compared, of one length. */
  is(given: string): boolean {
    return timingSafeEqual(sha256(Buffer.from(given)), this.#digest);
  }
}

/** Rejects with "config-unreadable", "config-bad-value" or "key-file-permissions". Makes the file where `makes` says so. */
export async function readToken(path: string, makes = false): Promise<string> {
  const text = await readSecret(path).catch((cause: unknown) => {
    if (cause instanceof FirefliesError) throw cause;
    throw new FirefliesError("config-unreadable", `${path}, the API's token, cannot be read: ${messageOf(cause)}.`, {
      cause,
    });
  });
  if (text === undefined && makes) {
    const made = Buffer.from(randomSecret(TOKEN_BYTES)).toString("base64url");
    await atomicWrite(path, `${made}\n`, KEY_FILE_MODE);
    return made;
  }
  if (text === undefined) throw new FirefliesError("config-unreadable", `${path}, the API's token, is not there.`);
  const token = text.trim();
  if (TOKEN_CHARACTERS.test(token)) return token;
  throw new FirefliesError(
    "config-bad-value",
    `${path} is to hold one line of 32 to 512 characters without blanks, a token.`,
  );
}
