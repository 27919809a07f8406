/** What vouches for a proxy that ends TLS in front of the authority. */

/** Instead of a file: the roots that Node trusts, with those of NODE_EXTRA_CA_CERTS. */
export const PROXY_ROOTS_SYSTEM = "system";
