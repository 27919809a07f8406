/** HTTP between two members, against the same server directly over TLS. */
import { measuring } from "../talk/messages.mjs";
import { openPeers } from "../talk/pairs.mjs";

export const rows = [
  {
    name: "fetch-50",
    what: "Requests by `memberFetch` to an `http.Server` of another member, answers of 100 bytes, 50 in flight.",
    unit: "requests/s",
    aim: { atLeast: 0.5 },
    limits:
      "The HTTP client and parser of Node, objects of the Fetch API and their garbage: 60 us of CPU in the caller and 20 in the server, where fetch of Node takes 150 and its server 40. What 50 requests say leaves in few records of TLS, over one connection instead of 50.",
    peer: "Node's fetch to the same server over TLS 1.3",
    run: measuring({ peer: () => openPeers("fetch.mjs", "fetch"), inFlight: 50, bytes: 100, ask: "requests" }),
  },
];
