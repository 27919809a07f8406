/** The answer to "why is this member where it is": sentences of the member that answers. */
import { fields, texts } from "./forms.js";

const SENTENCES_MAX = 40;

export function readExplanation(value: unknown): readonly string[] {
  return texts(fields(value)?.sentences).slice(0, SENTENCES_MAX);
}
