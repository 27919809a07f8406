/** The log of a program, as members and authorities write to it: of pino's shape, which `console` has as well. */

/** From what happens all the time to what somebody must look at. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * A pino logger, `console`, or anything with these four methods. `fields` are the facts, `event` their name among them, and an
 * error, if there is one, as `err`. `message` is a sentence for people, one line that is safe to print; in `fields` what
 * peers wrote is as it came. What a method throws is dropped: a log harms nobody.
 */
export type Logger = Readonly<Record<LogLevel, (fields: object, message: string) => void>>;

/** A logger that never throws, and says nothing when there is none. Throws a TypeError for what is no logger. */
export function containedLogger(logger: Logger | undefined): Logger {
  if (logger === undefined) return SILENT;
  for (const level of LOG_LEVELS) {
    if (typeof logger[level] !== "function") {
      throw new TypeError(`A logger has the methods ${LOG_LEVELS.join(", ")}, as pino's: ${level} is missing.`);
    }
  }
  const at = (level: LogLevel) => (fields: object, message: string) => {
    try {
      logger[level](fields, message);
    } catch {
      // There is no other place to tell it.
    }
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

const nothing = () => {};
const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
