/** The two times that a member has (rule R18): what its wall clock says, and what it believes. After a step one is wrong. */
import { FirefliesError } from "../../identity/index.js";

/** Unix milliseconds both. The same, but for the time after a step of the wall clock that nothing has proven. */
export interface Clocks {
  readonly wall: number;
  readonly believed: number;
}

/** Whose dates do not fit is refused with one of these. */
const ABOUT_DATES: ReadonlySet<string> = new Set(["authority-untrusted", "certificate-invalid"]);

/** Asks the authority by the wall clock, and where its dates do not fit, by the believed time. Rejects as `ask` did last. */
export async function byEitherClock<T>({ wall, believed }: Clocks, ask: (now: number) => Promise<T>): Promise<T> {
  try {
    return await ask(wall);
  } catch (error) {
    const isAboutDates = error instanceof FirefliesError && ABOUT_DATES.has(error.code);
    if (wall === believed || !isAboutDates) throw error;
    return await ask(believed);
  }
}
