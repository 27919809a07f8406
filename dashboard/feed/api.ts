/** Questions to the admin port that serves this page, with the bearer token where one is asked for. */

/** Milliseconds that an answer may take. */
const ANSWER_MS = 15_000;
/** For as long as the tab is open, and for no other one. */
const TOKEN_KEY = "fireflies.token";

/** The port wants a token, or another one than it got. */
export class Unauthorized extends Error {}

/**
 * A link that ends in `#token=...` opens a port that wants one. A fragment is not sent to anybody; the address, and with it the
 * history of the browser, forgets it at once.
 */
export function takeToken(): void {
  const token = /^#token=([\x21-\x7e]{1,512})$/.exec(location.hash)?.[1];
  if (token === undefined) return;
  sessionStorage.setItem(TOKEN_KEY, token);
  history.replaceState(null, "", `${location.pathname}${location.search}`);
}

/** Addresses are relative to the page, so that it can stand behind a prefix. */
export class Api {
  #token: string | undefined = stored();

  /** Keeps the token for as long as this tab is open. */
  useToken(token: string): void {
    this.#token = token;
    sessionStorage.setItem(TOKEN_KEY, token);
  }

  /** The answer, as JSON. Rejects with Unauthorized, or with an Error that says what went wrong. */
  async ask(path: string): Promise<unknown> {
    return (await this.#answer(path, "application/json", AbortSignal.timeout(ANSWER_MS))).json();
  }

  async askText(path: string): Promise<string> {
    return (await this.#answer(path, "*/*", AbortSignal.timeout(ANSWER_MS))).text();
  }

  /** An answer that goes on. */
  async open(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#answer(path, "text/event-stream", signal);
    if (body === null) throw new Error("the answer has no body");
    return body;
  }

  async #answer(path: string, accept: string, signal: AbortSignal): Promise<Response> {
    // A header takes no other characters; one that was pasted along would look like a dead port.
    if (this.#token !== undefined && !/^[\x21-\x7e]+$/.test(this.#token))
      throw new Unauthorized("A token has printable ASCII characters only, and no spaces.");
    const headers = { accept, ...(this.#token ? { authorization: `Bearer ${this.#token}` } : {}) };
    const response = await fetch(path, { headers, signal, cache: "no-store" });
    if (response.status === 401 || response.status === 403) throw new Unauthorized(await wordsOf(response));
    if (!response.ok) throw new Error(await wordsOf(response));
    return response;
  }
}

function stored(): string | undefined {
  try {
    return sessionStorage.getItem(TOKEN_KEY) ?? undefined;
  } catch {
    return undefined; // A file that is opened from disk may have no storage.
  }
}

/** `{ code, message, advice }`, as the API says what is wrong. */
async function wordsOf(response: Response): Promise<string> {
  const said = (await response.json().catch(() => ({}))) as { readonly message?: unknown; readonly advice?: unknown };
  const words = [said.message, said.advice].filter((each) => typeof each === "string").join(" ");
  return words || `the admin port answered ${response.status}`;
}
