/** The last rule of docs/protocol.md: rows of results.jsonl name it, and those that name none are of the rules before R20. */
export const RULES = 20;
