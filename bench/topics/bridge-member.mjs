/** A process with one member of ours that publishes on a topic, reads it, or brings it to NATS and back. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fromNats, NatsBridge } from "../../dist/services/nats/index.js";
import { PEER_NAME } from "../talk/certificates.mjs";
import { answer } from "../talk/child.mjs";
import { topicMember, until } from "./topic-member.mjs";

/** With this prefix the subject is that of plain clients, "bench.topic". */
const PREFIX = "bench.";
const TOPIC = "topic";

const { answers, client } = topicMember(TOPIC, (data) => fromNats(data).data);

answer({
  ...answers,

  async bridge({ way, directory, port, keys }) {
    const file = async (name, text) => {
      const path = join(directory, `bridge-${name}`);
      await writeFile(path, text, { mode: 0o600 });
      return path;
    };
    const bridge = new NatsBridge(client(), {
      servers: `localhost:${port}`,
      tls: {
        caFile: await file("root.pem", keys.root),
        certFile: await file("certificate.pem", keys.certificate),
        keyFile: await file("key.pem", keys.key),
        serverName: PEER_NAME,
      },
      ...{ prefix: PREFIX, [way === "in" ? "fromNats" : "toNats"]: [TOPIC] },
      onTrouble: (error) => console.error(`bridge: ${error.message}`),
    });
    await bridge.start();
    await until(() => bridge.figures().connected);
  },
});
