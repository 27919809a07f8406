/**
 * The last rule of docs/protocol.md that changes what a network does in which all can be dialled: rows of results.jsonl name it, and
 * those that name none are of the rules before R20 (results-before.jsonl).
 */
export const RULES = 20;
