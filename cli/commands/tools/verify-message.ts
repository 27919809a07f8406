/** `fireflies verify-message`: what a proof of a message shows, to somebody who is no member. */
import type { Command } from "commander";
import type { ShownCertificate, VerifyMessageOptions } from "../../../client/proven-sender.js";
import { titleOf } from "../../../identity/title.js";
import { usage } from "../../failure.js";
import { readInput } from "../../input-file.js";
import { print, shown } from "../../output.js";
import { examples, type JsonOption, withJson } from "../common.js";

interface VerifyOptions extends JsonOption {
  readonly root: string;
  readonly at?: string;
}

type Proven = ReturnType<typeof import("../../../client/verify-message.js").verifyMessage>;

export function addVerifyMessage(program: Command): void {
  const command = withJson(
    program.command("verify-message").description("check the proof of a message, and print who sent it to whom"),
  );
  command
    .argument("<file>", "the proof, as a program wrote it")
    .requiredOption("--root <file>", "root certificate of the authority, PEM: root.pem of a member or of the authority")
    .option("--at <date>", "when the message is known to have existed: the sender's certificate must hold then");
  examples(command, "verify-message order.proof --root ./alice/root.pem");
  command.action(async (file: string, { root, at, json = false }: VerifyOptions) => {
    const date = at === undefined ? {} : { at: dateOf(at) };
    const options = { roots: (await readInput(root)).toString("utf8"), ...date };
    const proof = new Uint8Array(await readInput(file));
    const { versionOfTopicProof } = await import("../../../client/topics/proof.js");
    if (versionOfTopicProof(proof) !== undefined) return await printTopic(proof, options, json);
    const { verifyMessage } = await import("../../../client/verify-message.js");
    const proven = verifyMessage(proof, options);
    await print(json, viewOf(proven), describe(proven));
  });
}

/** Of a message of a topic. */
async function printTopic(proof: Uint8Array, options: VerifyMessageOptions, json: boolean): Promise<void> {
  const { verifyTopicMessage } = await import("../../../client/topics/verify.js");
  const { data, ...proven } = verifyTopicMessage(proof, options);
  const text = Buffer.from(data).toString("utf8");
  const { topic, publisher: id, name, life, sequence, at, network, certificate } = proven;
  const lines = [
    `message ${sequence} on ${topic}, life ${life}, of ${day(at)} by its publisher's clock`,
    `from         ${titleOf({ id, name })}`,
    `network      ${network}`,
    certificateLine(certificate),
    "",
    shown(text),
  ];
  await print(
    json,
    { kind: "topic", ...proven, text, dataBase64: Buffer.from(data).toString("base64") },
    lines.join("\n"),
  );
}

const day = (ms: number) => new Date(ms).toISOString();

function certificateLine({ serial, notBefore, notAfter }: ShownCertificate): string {
  return `certificate  ${serial}, from ${day(notBefore)} to ${day(notAfter)}`;
}

function dateOf(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw usage(`"${text}" is no date.`, "Write it as 2026-11-21 or 2026-11-21T18:00:00Z.");
  return time;
}

function textOf({ data, error }: Proven): string {
  return error === undefined ? Buffer.from(data).toString("utf8") : `${error.code}: ${error.text}`;
}

/** As JSON: bytes in base64, and as text for who knows that they are. */
function viewOf({ data, ...proven }: Proven) {
  return { ...proven, text: textOf({ data, ...proven }), dataBase64: Buffer.from(data).toString("base64") };
}

function describe(proven: Proven): string {
  const { kind, sender: id, name, receiver, service, network, request, link, frame, index, certificate } = proven;
  return [
    `${kind} ${request}, message ${index} of frame ${frame}, on link ${link}`,
    `from         ${titleOf({ id, name })}`,
    `to           ${receiver}`,
    ...(service === undefined ? [] : [`service      ${service}`]),
    `network      ${network}`,
    certificateLine(certificate),
    "",
    shown(textOf(proven)),
  ].join("\n");
}
