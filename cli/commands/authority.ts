import type { Command } from "commander";
export function addAuthority(_program: Command): void {}
