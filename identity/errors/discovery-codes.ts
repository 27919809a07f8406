/** Codes of sources of contacts (client/discovery/). All are alarms: a member goes on without them. */
export const DISCOVERY_CODES = {
  "discovery-degraded": {
    meaning: "A source of contacts answers, but worse than it could: it may list what it may not watch, for example.",
    remedy: "Read the reason in the message; docs/discovery.md has what each source needs.",
  },
  "discovery-failed": {
    meaning:
      "A source of contacts does not answer, or says what cannot be used. It is asked again, after growing pauses.",
    remedy: "Read the reason in the message; docs/discovery.md has the sources and what each needs.",
  },
  "discovery-invalid": {
    meaning: "A source of contacts names some that are no addresses. The others are used.",
    remedy:
      'Correct them there: an entry is "host:port" or a URL, before it the member\'s id and "@" if that is known.',
  },
  "discovery-restored": {
    meaning: "A source of contacts that had failed answers again.",
    remedy: "Nothing.",
  },
} as const;
