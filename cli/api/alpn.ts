/** ALPN (RFC 7301): no session between members has this one, so that none is taken for an API, or the other way round. */
export const API_ALPN = "http/1.1";
