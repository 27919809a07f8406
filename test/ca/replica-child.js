/** A replica as a process that can be killed: serves an authority of a directory and a database, and says where. */
import { writeSync } from "node:fs";
import { CertificateAuthority, serveAuthority } from "../../dist/ca/index.js";

const [directory, store] = process.argv.slice(2);
/** All members of a test call from one address. */
const rate = { burst: 1_000_000, perSecond: 1_000_000, callersMax: 10 };
const gate = { handshakes: rate, addressMax: 10_000, memberMax: 8, youngMs: 0, connectionsMax: 10_000 };
const work = { max: 256, perAddressMax: 256 };

const authority = await CertificateAuthority.open({ directory, store });
const { urls } = await serveAuthority(authority, { port: 0, limits: { address: rate, gate, work } });
writeSync(1, `${urls[0]}\n`);
