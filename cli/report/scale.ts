/** Where a value stands on an axis, and which values its labels show. */

export interface Axis {
  /** What it counts, with its unit. */
  readonly label: string;
  readonly min: number;
  /** Above min. */
  readonly max: number;
  readonly format?: (value: number) => string;
}

/** Steps between labels that people read easily: 1, 2 or 5 times a power of ten. */
const STEPS = [1, 2, 5, 10];

export function tickStep(span: number, labels: number): number {
  const raw = span / labels;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * (STEPS.find((step) => step * power >= raw) ?? 10);
}

/** Round values from min to max, about as many as asked for. */
export function ticks({ min, max }: Axis, labels: number): number[] {
  const step = tickStep(max - min, labels);
  const first = Math.ceil(min / step - 1e-9);
  const count = Math.floor(max / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, index) => (first + index) * step);
}

/** An axis from zero to a round value that holds all of these. */
export function axisOf(label: string, values: Iterable<number>, format?: Axis["format"]): Axis {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, value);
  const max = largest > 0 ? largest : 1;
  const step = tickStep(max, 4);
  const axis = { label, min: 0, max: Math.ceil(max / step - 1e-9) * step };
  return format ? { ...axis, format } : axis;
}

/** A figure for people: three digits that count, thousands apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}
