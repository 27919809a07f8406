/** What zsh offers behind a line, asked of a real one: in a terminal of its own, after a press of Tab. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A shell that does not come to its end by then is broken. */
const DEADLINE_MS = 60_000;

/** How a user has a script of completion: as a file in `$fpath`, or read by the start-up file. */
export type ZshInstalled = "fpath" | "sourced";

/** The words that zsh offers behind `line`, with `script` installed, and what it complained of. */
export function zshOffers(script: string, line: string, installed: ZshInstalled) {
  const folder = mkdtempSync(join(tmpdir(), "ff-zsh-"));
  const [offered, inner] = [join(folder, "offered"), join(folder, "inner")];
  try {
    writeFileSync(offered, "");
    writeFileSync(join(folder, "_fireflies"), script);
    writeFileSync(inner, innerShell(folder, offered, installed));
    const env = { PATH: process.env.PATH, HOME: folder, TERM: "dumb", LC_ALL: "C" };
    const args = ["-f", "-c", OUTER, "zsh", inner, line];
    const { stderr, status } = spawnSync("zsh", args, { cwd: folder, encoding: "utf8", env, timeout: DEADLINE_MS });
    const words = readFileSync(offered, "utf8").split("\n");
    return {
      words: words.filter((word) => word !== ""),
      problems: status === 0 ? stderr : `status ${status}: ${stderr}`,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Opens the terminal, types, and reads until the shell in it has ended. */
const OUTER = `zmodload zsh/zpty && zpty shell zsh -f -i || exit 3
zpty -w shell "source $1"
while zpty -r shell said; do [[ $said == *READY* ]] && break; done
zpty -w -n shell "$2"$'\\t'
while zpty -r shell said; do [[ $said == *_fireflies:* ]] && print -u2 -r -- "$said"; done
exit 0`;

/** Writes down each word that completion adds, and ends when it is done. */
function innerShell(folder: string, offered: string, installed: ZshInstalled): string {
  return `PROMPT=''
fpath=(${installed === "fpath" ? folder : ""} $fpath)
autoload -Uz compinit && compinit -u -D
${installed === "sourced" ? `source ${join(folder, "_fireflies")}` : ""}
bindkey '^I' complete-word
compadd() {
  local -a hits
  if (( ! \${@[(I)-[OAD]*]} )); then
    builtin compadd -O hits "$@"
    print -rl -- $hits >> ${offered}
  fi
  builtin compadd "$@"
}
finish() { exit 0 }
comppostfuncs=(finish)
print REA''DY
`;
}
