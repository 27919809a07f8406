/** Text as it may stand in HTML, and small pieces of pages. */

export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** A table of texts; the columns named in `numbers` (from 0) are set flush right. */
export function htmlTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: readonly number[] = [],
): string {
  const cells = (tag: "td" | "th", row: readonly string[]) =>
    row
      .map((cell, column) => `<${tag}${numbers.includes(column) ? ' class="number"' : ""}>${escapeHtml(cell)}</${tag}>`)
      .join("");
  const body = rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("");
  return `<div class="scroll"><table><thead><tr>${cells("th", head)}</tr></thead><tbody>${body}</tbody></table></div>`;
}
