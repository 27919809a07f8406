/** HTTP between members: a server that knows who calls, a fetch whose hosts are members, and a service of several. */
import { attachHttp, memberFetch, memberOf } from "fireflies/http";
import { openNetwork } from "./network.js";

await using network = await openNetwork();
const alice = network.member("alice");
const bob = network.member("bob");

// Bob serves a function of the Fetch API. An http.Server or a fastify instance would do as well; no port is opened.
attachHttp(bob, async (request) => {
  const { pathname } = new URL(request.url);
  const name = memberOf(request)?.name; // Proven by the caller's certificate.
  if (request.method === "POST") return Response.json({ from: name, said: await request.text() }, { status: 201 });
  if (pathname === "/events") return new Response(countdown(), { headers: { "content-type": "text/event-stream" } });
  return new Response(`${name}, this is ${pathname} of bob\n`);
});
await network.start();

const fetch = memberFetch(alice);
const page = await fetch("http://bob.fireflies/index.html");
process.stdout.write(await page.text());

const posted = await fetch("http://bob.fireflies/notes", { method: "POST", body: "milk, bread" });
console.log(posted.status, await posted.json());

// Events come one by one, as bob writes them.
const events = await fetch("http://bob.fireflies/events");
if (events.body !== null) {
  for await (const chunk of events.body) console.log(new TextDecoder().decode(chunk).trim());
}

// What fails says why.
try {
  await fetch("http://carol.fireflies/");
} catch (error) {
  console.log(String((error as Error).cause));
}

function countdown(): ReadableStream<Uint8Array> {
  let left = 3;
  return new ReadableStream({
    pull: (controller) => {
      controller.enqueue(new TextEncoder().encode(`data: ${left}\n\n`));
      if (--left === 0) controller.close();
    },
  });
}
