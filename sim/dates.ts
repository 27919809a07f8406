/** The wall clock of a simulation, and the dates of the certificates in it. */
import type { Dates } from "./crypto/crypto.js";

/** Unix milliseconds at the beginning of a simulation. */
export const WALL_START = 1_800_000_000_000;

/** Certificates are valid from long before a simulation until long after it: two hundred years in all. */
export const DATES: Dates = { notBefore: WALL_START - 3_153_600_000_000, notAfter: WALL_START + 3_153_600_000_000 };
