/**
 * Two programs that know a token meet at a rendezvous server, once directly and once by its relay. The server stands on an
 * HTTP server that serves a site as well. What they get is a way for bytes and proves nobody: run TLS over it.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { AddressSpaces, type Conn, RdvClient, RdvServer } from "fireflies/rdv";

const PREFIX = "/meet/";
/** Drawn at random for each meeting in earnest; both sides get it by other means. */
const TOKEN = "a token that both know";

const site = createServer((_request, response) => response.end("the rest of the site"));
const rendezvous = new RdvServer({
  prefix: PREFIX,
  authorize: ({ headers }) => headers.authorization === "Bearer secret",
});
rendezvous.attach(site);
await once(site.listen(0, "127.0.0.1"), "listening");
const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
console.log(`beside it: ${await (await fetch(`${origin}/page`)).text()}`);

await meet("directly", AddressSpaces.of("loopback4"));
await meet("by the relay", AddressSpaces.none);

const stranger = new RdvClient().dial(origin + PREFIX, TOKEN);
console.log(await stranger.catch((error) => `a stranger: ${error.code}, status ${error.response?.status}`));

const { direct, relayed } = rendezvous.metrics();
console.log(`the server saw ${Object.values(direct).length} meet directly and relayed ${relayed}`);
await rendezvous.close();
site.close();

/** Both ends, which are two machines in earnest. */
async function meet(way: string, addressSpaces: AddressSpaces): Promise<void> {
  const client = new RdvClient({ addressSpaces, timeoutMs: 30_000 });
  const options = { headers: { authorization: "Bearer secret" } };
  const [dialler, accepter] = await Promise.all([
    client.dial(origin + PREFIX, TOKEN, options),
    client.accept(origin + PREFIX, TOKEN, options),
  ]);
  dialler.end("hello");
  console.log(`${way}: ${await textOf(accepter)}, relayed: ${accepter.isRelay}`);
  accepter.end();
  await textOf(dialler);
}

async function textOf(conn: Conn): Promise<string> {
  let text = "";
  for await (const chunk of conn.iterator({ destroyOnReturn: false })) text += chunk;
  return text;
}
