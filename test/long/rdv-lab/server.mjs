/** The rendezvous server of the lab: `RdvServer` on an HTTP server. Prints a line when it listens. `node server.mjs HOST PORT` */
import { createServer } from "node:http";
import { RdvServer } from "../../../dist/rdv/index.js";

const [host, port] = process.argv.slice(2);
const http = createServer();
new RdvServer({ prefix: "/rdv/", limits: { requestsBurst: 100_000 } }).attach(http);
http.listen(Number(port), host, () => console.log("listening"));
