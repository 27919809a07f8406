/** The table as text: a line for each row, as soon as it is measured. */
const WIDTHS = [20, 22, 12, 8, 15, 8, 5];

export function head() {
  return columns(["row", "ours", "peer", "ratio", "spread", "aim", "met"]);
}

export function line({ row, ours, peer, ratio, spread, aim, met, unit, against, skipped, error }) {
  if (error) return `${columns([row, "failed"])}\n  ${error}`;
  if (skipped) return columns([row, `skipped: ${skipped}`]);
  const told = columns([
    row,
    `${figure(ours)} ${unit}`,
    peer === null ? "" : figure(peer),
    ratio === null ? "" : figure(ratio),
    spread ? spread.map(figure).join(" - ") : "",
    aimText(aim),
    met === undefined ? "" : met ? "yes" : "no",
  ]);
  return against ? `${told}  ${against}` : told.trimEnd();
}

function columns(cells) {
  return cells
    .map((cell, index) => cell.padEnd(WIDTHS[index]))
    .join(" ")
    .trimEnd();
}

export function aimText(aim) {
  if (!aim) return "";
  return aim.atLeast === undefined ? `<= ${aim.atMost}` : `>= ${aim.atLeast}`;
}

/** Three digits that count, thousands apart. */
export function figure(value) {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}
