/** Codes of fireflies/nats. */
export const NATS_CODES = {
  "nats-server-missing": {
    meaning: "The program nats-server is not installed, or not where it was said to be.",
    remedy:
      "Install it (Debian: apt-get install nats-server; others: https://github.com/nats-io/nats-server/releases), give its path as `server`, or say `server: none` to use the servers of other members.",
  },
  "nats-server-failed": {
    meaning: "The nats-server that this member runs has ended, or does not take its configuration.",
    remedy: "Read its own words in the message. The agent starts it again, after growing pauses.",
  },
  "nats-protocol": {
    meaning: "What should be a NATS connection says something else in its first lines.",
    remedy: "Check that the program speaks the NATS client protocol, without TLS of its own.",
  },
  "nats-unreachable": {
    meaning: "No NATS server can be reached now.",
    remedy: "Check that it runs, and its address. What waits for it goes on when it is back.",
  },
} as const satisfies Readonly<Record<string, { readonly meaning: string; readonly remedy: string }>>;
