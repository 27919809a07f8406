/**
 * How long two programs take from a dial to the first byte, by a rendezvous server on the same host: server, accepter and
 * dialler are processes of their own. Beside it two round trips of TCP to the server's process: a connection, and a byte
 * with its echo. The accepter waits already, so it is the dialler's way that is measured.
 */
import { Child } from "../talk/child.mjs";

const MEETINGS = 100;
const QUICK_MEETINGS = 5;

export const rows = [
  {
    name: "rdv-setup",
    what: "From the dial of a program behind a rendezvous server to the first byte of its peer, directly; the median.",
    unit: "ms",
    aim: undefined,
    peer: "two round trips of TCP: a connection, and a byte with its echo",
    limits:
      "the way to the server and the meeting are two round trips, the direct connection with its two lines and the word are two more; then the turns of three processes",
    run: async ({ runs, quick }) => {
      const [server, accepter, dialler] = ["server", "accepter", "dialler"].map(
        (name) => new Child("meeting.mjs", name),
      );
      const times = quick ? QUICK_MEETINGS : MEETINGS;
      try {
        const { url, port } = await server.ask("serve");
        const ours = [];
        const peer = [];
        let direct = 0;
        for (let run = 0; run <= runs; run++) {
          const tokens = Array.from({ length: times }, (_, index) => `${run}-${index}`);
          for (const token of tokens) await accepter.ask("accept", { url, token });
          const met = await dialler.ask("dial", { url, tokens });
          const trips = await dialler.ask("twoRoundTrips", { port, times });
          if (run === 0) continue; // The first is for warming up.
          ours.push(met.ms);
          peer.push(trips);
          direct += met.direct;
        }
        return { ours, peer, details: { meetings: times * runs, direct } };
      } finally {
        await Promise.all([server, accepter, dialler].map((child) => child.end()));
      }
    },
  },
];
