/** Keys of the whole page: a table, and what must not be taken from a field that is being typed in. */

export interface Key {
  readonly key: string;
  readonly does: string;
  readonly run: () => void;
}

export function listenTo(keys: readonly Key[]): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
    const found = keys.find(({ key }) => key === event.key);
    if (found === undefined) return;
    // A button and a link have their own use for the space bar.
    if (
      event.key === " " &&
      event.target instanceof HTMLElement &&
      event.target.closest("button, a, summary, input, select")
    )
      return;
    event.preventDefault();
    found.run();
  });
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["range", "checkbox", "radio", "button"].includes(target.type);
  return target.closest("textarea, select, [contenteditable]") !== null;
}
