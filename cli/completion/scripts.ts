/**
 * Scripts of completion for bash, zsh and fish, made of the table of commands. All three find out first which command the line is
 * at, from the words before the cursor, and then offer what may stand there.
 */
import type { CompletedCommand, CompletedOption, Value } from "./table.js";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, table: readonly CompletedCommand[]): string {
  return { bash, zsh, fish }[shell](table);
}

function bash(table: readonly CompletedCommand[]): string {
  return `# Completion of fireflies for bash. To have it always:
#   fireflies completion bash > ~/.local/share/bash-completion/completions/fireflies
_fireflies() {
  local at="" word words="" cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at/$word" in ${paths(table).join("|")}) at="$at/$word" ;; esac
  done
  COMPREPLY=()
  case "$at $prev" in
${valued(table, bashValue)}
  esac
  case "$at" in
${table.map((row) => `    "${row.path}") words="${offered(row).join(" ")}" ;;`).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$cur"))
}
complete -o filenames -F _fireflies fireflies
`;
}

function bashValue(value: Value): string {
  const kind = { file: "-f", directory: "-d" } as const;
  const what = typeof value === "string" ? kind[value as "file" | "directory"] : `-W "${value.join(" ")}"`;
  return `COMPREPLY=($(compgen ${what} -- "$cur")); return ;;`;
}

function zsh(table: readonly CompletedCommand[]): string {
  const described = (row: CompletedCommand) =>
    [...row.commands.map(({ name, description }) => [name, description]), ...row.words.map((word) => [word, ""])]
      .concat(row.options.map(({ flag, description }) => [flag, description]))
      .map(([name, description]) => `'${name}:${description}'`)
      .join(" ");
  return `#compdef fireflies
# Completion of fireflies for zsh. To have it always, in a directory of $fpath:
#   fireflies completion zsh > ~/.zfunc/_fireflies
_fireflies() {
  local at="" word prev="\${words[CURRENT-1]}"
  local -a offered
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at/$word" in ${paths(table).join("|")}) at="$at/$word" ;; esac
  done
  case "$at $prev" in
${valued(table, zshValue)}
  esac
  case "$at" in
${table.map((row) => `    "${row.path}") offered=(${described(row)}) ;;`).join("\n")}
  esac
  _describe fireflies offered || _files
}
if [ "$funcstack[1]" = "_fireflies" ]; then _fireflies "$@"; else compdef _fireflies fireflies; fi
`;
}

function zshValue(value: Value): string {
  if (typeof value !== "string") return `compadd -- ${value.join(" ")}; return ;;`;
  return value === "directory" ? "_files -/; return ;;" : "_files; return ;;";
}

function fish(table: readonly CompletedCommand[]): string {
  const lines = table.flatMap((row) => {
    const here = `complete -c fireflies -n '__fireflies_at "${row.path}"'`;
    return [
      ...row.commands.map(({ name, description }) => `${here} -f -a '${name}' -d '${description}'`),
      ...row.words.map((word) => `${here} -f -a '${word}'`),
      ...row.options.map(
        (option) => `${here} -l ${option.flag.slice(2)}${fishValue(option)} -d '${option.description}'`,
      ),
    ];
  });
  return `# Completion of fireflies for fish. To have it always:
#   fireflies completion fish > ~/.config/fish/completions/fireflies.fish
function __fireflies_at
  set -l at ""
  for word in (commandline -opc)[2..]
    switch "$at/$word"
      case ${paths(table)
        .map((path) => `'${path}'`)
        .join(" ")}
        set at "$at/$word"
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function fishValue({ value }: CompletedOption): string {
  if (value === undefined) return "";
  if (typeof value !== "string") return ` -x -a '${value.join(" ")}'`;
  return value === "any" ? " -x" : " -r -F";
}

/** All that may stand behind a command. */
function offered({ commands, words, options }: CompletedCommand): readonly string[] {
  return [...commands.map(({ name }) => name), ...words, ...options.map(({ flag }) => flag)];
}

function paths(table: readonly CompletedCommand[]): readonly string[] {
  return table.map(({ path }) => path).filter((path) => path !== "");
}

/** Cases for the options whose value is known to be something. */
function valued(table: readonly CompletedCommand[], act: (value: Value) => string): string {
  return table
    .flatMap(({ path, options }) =>
      options.flatMap(({ flag, value }) =>
        value === undefined || value === "any" ? [] : [`    "${path} ${flag}") ${act(value)}`],
      ),
    )
    .join("\n");
}
