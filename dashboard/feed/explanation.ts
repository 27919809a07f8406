/** The answer to "why is this member where it is": sentences of the member that answers. */
import { fields, list, text } from "./forms.js";

const SENTENCES_MAX = 40;

export function readExplanation(value: unknown): readonly string[] {
  const from = fields(value);
  const told = list(from?.sentences ?? from?.lines ?? value);
  return told
    .map((each) => text(fields(each)?.text ?? fields(each)?.sentence ?? each))
    .filter((each) => each !== "")
    .slice(0, SENTENCES_MAX);
}
