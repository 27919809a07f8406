/** The version of the package. */
import { readFileSync } from "node:fs";

/** Both in the repository and installed, package.json lies two directories above dist/cli. */
const PACKAGE = new URL("../../package.json", import.meta.url);

export const VERSION: string = (JSON.parse(readFileSync(PACKAGE, "utf8")) as { version: string }).version;
