/** Where the command's files are. From here it is the same in `cli/` and in the bundle, which lies beside it. */
const CLI = new URL("../cli/", import.meta.url);

/** An address of something in the package, relative to the compiled `cli/`. */
export function placeOf(path: string): URL {
  return new URL(path, CLI);
}
