/** What a rendezvous server answered, as a client's program sees it. */

export interface RdvResponse {
  /** 101 when both peers were there. */
  readonly status: number;
  /** Names in lower case; values of a repeated name joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** The first bytes of a refusal's body as text; "" after 101. */
  readonly body: string;
}
