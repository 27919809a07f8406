/** The options that say where something is kept, the same for members and authorities. */
import { InvalidArgumentError, Option } from "commander";
import { CONFIG_VARIABLE } from "../../../client/config/places.js";

/** `--dir`, which is never empty: a variable of a script that is not set must not mean the working directory. */
export function dirOption(meaning: string): Option {
  return new Option("--dir <dir>", meaning).argParser((dir) => {
    if (dir === "") throw new InvalidArgumentError("It is empty.");
    return dir;
  });
}

export function configOption(): Option {
  return new Option(
    "--config <file>",
    `configuration file, instead of ${CONFIG_VARIABLE} or the first fireflies.yaml found`,
  );
}
