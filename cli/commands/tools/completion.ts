/** `fireflies completion`: a script with which a shell completes commands, options and their values. */
import { Argument, type Command } from "commander";
import { completionScript, SHELLS, type Shell } from "../../completion/scripts.js";
import { completionTable } from "../../completion/table.js";
import { write } from "../../output.js";
import { examples } from "../common.js";

export function addCompletion(program: Command): void {
  const command = program
    .command("completion")
    .description("print a script with which a shell completes this command")
    .addArgument(new Argument("<shell>", "which one").choices([...SHELLS]));
  examples(
    command,
    "completion bash > ~/.local/share/bash-completion/completions/fireflies",
    "completion zsh > ~/.zfunc/_fireflies",
    "completion fish > ~/.config/fish/completions/fireflies.fish",
  );
  command.action(
    async (shell: Shell) => await write(process.stdout, completionScript(shell, completionTable(program))),
  );
}
