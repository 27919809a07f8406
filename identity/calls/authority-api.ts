/** The authority's HTTP API, version 1: paths and JSON bodies, as its server and the members' client both mean them. Bytes travel in base64. */

export const AUTHORITY_PATHS = {
  network: "/v1/network",
  enroll: "/v1/enroll",
  renew: "/v1/renew",
  report: "/v1/report",
  challenge: "/v1/challenge",
  revocations: "/v1/revocations",
  crl: "/v1/crl",
  ocsp: "/v1/ocsp",
} as const;

/** How a balancer in front of an authority tells who calls. */
export const PROXY_FORMS = [
  /** Before the caller's bytes: for proxies that pass TLS through. */
  "proxy-protocol",
  /** In the header X-Forwarded-For: for proxies that end TLS themselves. */
  "x-forwarded-for",
  /** Not at all: limits per address do not count for it. */
  "nothing",
] as const;
export type ProxyForm = (typeof PROXY_FORMS)[number];

/** Requests hold a PKCS#10 request and a few addresses. */
export const AUTHORITY_BODY_BYTES_MAX = 16_384;

/** A member's addresses, "host:port", the preferred one first: at most this many, each at most so long. */
export const ADDRESSES_MAX = 8;
export const ADDRESS_CHARACTERS_MAX = 261;

/** GET /v1/network. */
export interface NetworkAnswer {
  readonly root: string;
  readonly issuer: string;
  /** 64 hex digits. */
  readonly networkId: string;
  readonly ringCount: number;
  readonly deltaMs: number;
  /** Anyone may enrol under any free name: a trial network, whose claims about liars do not hold. */
  readonly open: boolean;
}

/** POST /v1/enroll: with a token's secret, and a name where it admits several; with a JWT; or, in an open network, with a name. */
export interface EnrollBody {
  /** PKCS#10, DER. */
  readonly request: string;
  readonly secret?: string;
  readonly jwt?: string;
  readonly principal?: string;
  readonly addresses?: readonly string[];
}

/** POST /v1/renew, with the member's current certificate in TLS. */
export interface RenewBody {
  readonly request: string;
  /** True: another certificate also while the present one is young. Without it a lost answer is given again. */
  readonly anew?: boolean;
  readonly addresses?: readonly string[];
}

/** POST /v1/report, with the member's current certificate in TLS. */
export interface ReportBody {
  readonly addresses: readonly string[];
  /** Whole seconds within which the next report comes: after that the member is named to others last. */
  readonly next?: number;
  /** The member stops: it is named to nobody until it reports again. */
  readonly leaving?: boolean;
  /** False: no contacts are wanted. */
  readonly contacts?: boolean;
  /** Number of the revocation list that is held, in decimal: a higher one is in the answer. Left out: none is wanted. */
  readonly after?: string;
}

/** GET /v1/challenge: what a caller signs whose certificate does not get through (signed-call.ts), within a minute. */
export interface ChallengeAnswer {
  /** For the header Signature-Input. */
  readonly signatureInput: string;
}

/** The longest promise of a next report, seconds; also what is assumed of those that promise nothing. */
export const REPORT_NEXT_SECONDS_MAX = 1_800;

/** Another member to begin with. */
export interface ContactAnswer {
  readonly certificate: string;
  readonly issuer: string;
  readonly addresses: readonly string[];
}

/** What enrolment and renewal answer. */
export interface CertificateAnswer {
  readonly certificate: string;
  readonly issuer: string;
  readonly root: string;
  readonly contacts: readonly ContactAnswer[];
}

/** GET /v1/revocations?after=NUMBER: the list in force when its number is higher, else none. */
export interface RevocationsAnswer {
  /** What time it is to the authority, unix milliseconds: for members whose clock has stepped. */
  readonly time: number;
  readonly list?: {
    readonly body: string;
    readonly signature: string;
    /** Of the issuing certificate that signed it. */
    readonly issuer: string;
  };
}

/** What a report answers: members to talk to, in the order in which to try them, and the list as above. */
export interface ReportAnswer extends RevocationsAnswer {
  readonly contacts: readonly ContactAnswer[];
}

/** Every answer that is not 2xx. */
export interface ErrorAnswer {
  readonly code: string;
  /** What is wrong. */
  readonly message: string;
  /** What to do. */
  readonly advice: string;
}
