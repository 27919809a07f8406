/** Tables as Markdown, and figures as people read them. */

export function table(headings, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(headings), line(headings.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Milliseconds as seconds; what never happened is null in the results. */
export function seconds(ms, digits = 2) {
  return ms === null || ms === undefined || ms === Infinity ? "not at all" : `${(ms / 1000).toFixed(digits)} s`;
}

export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

export function count(value) {
  return Math.round(value).toLocaleString("en-GB");
}

/** Rows of one table that share these options, in the order in which the first of each was met. */
export function groups(rows, ...names) {
  const found = new Map();
  for (const row of rows) {
    const key = JSON.stringify(names.map((name) => row.options[name]));
    found.set(key, [...(found.get(key) ?? []), row]);
  }
  return [...found.values()];
}

export const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Simulated seconds per second of one core. */
export function rate(simulated, spent) {
  const value = simulated / spent;
  return value >= 10 ? count(value) : value.toFixed(2);
}
