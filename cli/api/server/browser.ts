/** What every answer of the agent says to a browser: what its page may do, and that nobody else may use the answer. */

/**
 * No script, style or connection but its own, in no frame (CSP 3); no guess of types; no address told to others; no handle of another
 * site's window on it, and no use of an answer by one (Fetch, sections 3.6 and 3.7). No header lets other sites read anything: CORS is off.
 */
export const BROWSER_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** The page and its files: a browser shows no token when it asks for them. */
export function isPagePath(url: string): boolean {
  return /^\/(dashboard\/[\w.-]{1,100})?(\?|$)/.test(url);
}
