/** The log that a program may bring: pino's shape, which `console` has as well. */

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** `fields` are the facts, `message` is a sentence for people. What a method throws is dropped. */
export type RdvLogger = Readonly<Record<(typeof LOG_LEVELS)[number], (fields: object, message: string) => void>>;

/** A logger that never throws, and says nothing when there is none. */
export function contained(logger: RdvLogger | undefined): RdvLogger {
  const at = (level: (typeof LOG_LEVELS)[number]) => (fields: object, message: string) => {
    try {
      logger?.[level](fields, message);
    } catch {
      // There is no other place to tell it.
    }
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
