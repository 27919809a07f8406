/** The dialogs: a token for the admin port, the keys of this page. */
import type { Key } from "../app/keys.js";
import { button, h, say } from "../dom/element.js";

export interface TokenDialog {
  readonly element: HTMLDialogElement;
  /** Asks, with what the port has said. */
  ask(words: string): void;
}

export function tokenDialog(use: (token: string) => void): TokenDialog {
  const said = h("p", { class: "said" });
  const input = h("input", { type: "password", autocomplete: "off", required: true, id: "token" });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", {}, "This port wants a token"),
    said,
    h("label", { for: "token" }, "Token of the agent, from its api.token or api_token_file"),
    input,
    h("button", { type: "submit", class: "button" }, "Open"),
  );
  const element = h("dialog", { "aria-label": "Token" }, form);
  form.addEventListener("submit", () => {
    use(input.value.trim());
    input.value = "";
  });
  return {
    element,
    ask(words) {
      say(said, words);
      if (!element.open) element.showModal();
    },
  };
}

const ON_THE_RINGS: readonly (readonly [string, string])[] = [
  ["← →", "along the ring, from member to member"],
  ["↑ ↓", "from ring to ring"],
  ["Enter", "page of the chosen member"],
  ["+ − 0", "zoom in, out, everything"],
  ["Esc", "choose nobody"],
];

export function helpDialog(keys: readonly Key[]): HTMLDialogElement {
  const row = ([key, does]: readonly [string, string]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)];
  const names: Readonly<Record<string, string>> = { " ": "Space" };
  const element = h("dialog", { class: "help", "aria-label": "Keys" });
  element.append(
    h("h2", {}, "Keys"),
    h("dl", { class: "keys" }, ...keys.flatMap(({ key, does }) => row([names[key] ?? key, does]))),
    h("h3", {}, "On the picture of the rings"),
    h("dl", { class: "keys" }, ...ON_THE_RINGS.flatMap(row)),
    button("Close", () => element.close(), { class: "button" }),
  );
  return element;
}
