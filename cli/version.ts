/** The version of the package. */
import { readFileSync } from "node:fs";
import { placeOf } from "./place.js";

/** Both in the repository and installed, package.json lies two directories above dist/cli. */
const PACKAGE = placeOf("../../package.json");

export const VERSION: string = (JSON.parse(readFileSync(PACKAGE, "utf8")) as { version: string }).version;
