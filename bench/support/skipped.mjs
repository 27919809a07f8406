/** A row that cannot be measured here: what is missing, and how to get it. Not a failure. */
export class Skipped extends Error {}
