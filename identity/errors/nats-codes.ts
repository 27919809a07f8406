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
  "nats-refused": {
    meaning: "The NATS server refuses this program's credentials or certificate, or shows one that is not trusted.",
    remedy: "Check user, token, credentials file and certificates, and which roots vouch for the server.",
  },
  "nats-forbidden": {
    meaning: "The NATS server does not let this program publish or subscribe to this subject.",
    remedy: "Have its operator allow the subject that the message names.",
  },
  "nats-stream-differs": {
    meaning:
      "The stream or consumer that a bridge needs exists with another configuration, or JetStream is not enabled.",
    remedy: "Change it, or give the bridge another name of a stream. What waits for it is not lost.",
  },
} as const satisfies Readonly<Record<string, { readonly meaning: string; readonly remedy: string }>>;
