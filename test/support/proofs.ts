/** Frames as a member signs them, and proofs of their messages, without a link. */
import { randomBytes } from "node:crypto";
import { type Content, encodeContent } from "../../client/messages/content.js";
import { SALT_BYTES } from "../../client/messages/frame.js";
import { listBody, listPrefix } from "../../client/messages/list.js";
import { proofOf, type SignedFrame } from "../../client/messages/proof.js";
import { type Identity, sign } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";

export interface FrameInput {
  readonly sender: Identity;
  readonly receiver: MemberId;
  readonly contents: readonly Content[];
  readonly counter?: number;
  readonly linkNonce?: Uint8Array;
}

export function signedFrame({ sender, receiver, contents, counter = 1, linkNonce = randomBytes(32) }: FrameInput) {
  const { certificate, privateKey } = sender;
  const messages = contents.map((content) => {
    const message = encodeContent(content, SALT_BYTES);
    message.set(randomBytes(SALT_BYTES));
    return message;
  });
  const list = listBody(listPrefix({ sender: certificate.id, receiver, linkNonce }), counter, messages);
  const signature = sign(privateKey, "frame", certificate.networkId, list);
  const frame: SignedFrame = { sender: certificate, list, signature, at: 0, keepers: 0 };
  return { frame, messages };
}

/** The proof of the message at `index`. */
export function proofIn(input: FrameInput, index = 0): Uint8Array {
  const { frame, messages } = signedFrame(input);
  return proofOf(frame, messages[index]!);
}
