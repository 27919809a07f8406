/** The style sheet of a report: quiet, readable, in light and dark, and the same on paper. */

/** Colours of series; each pair is told apart by the colour-blind too, on its own ground. */
export const STYLE = `
:root { color-scheme: light dark;
  --ground: #fcfcfb; --panel: #ffffff; --ink: #1b1b19; --quiet: #5f5e58; --line: #e3e2dc; --axis: #b9b8b0;
  --correct: #2a78d6; --byzantine: #e34948; --truth: #8a8982; --good: #1baf7a; --warm: #eb8a00; --violet: #6a55c9; --muted: #b9b8b0;
  --ok: #0b7a4b; --ok-ground: #e3f5ec; --bad: #b3261e; --bad-ground: #fde9e7; --span: rgba(90, 120, 90, .09); }
@media (prefers-color-scheme: dark) { :root {
  --ground: #161615; --panel: #1d1d1b; --ink: #f1f0ea; --quiet: #b0afa6; --line: #33332f; --axis: #5a5952;
  --correct: #4c95ea; --byzantine: #f0706c; --truth: #98978f; --good: #2bc48d; --warm: #f0a030; --violet: #a394f2; --muted: #5a5952;
  --ok: #6fdcae; --ok-ground: #16382a; --bad: #ffb4ab; --bad-ground: #4a1d19; --span: rgba(160, 200, 160, .08); } }
* { box-sizing: border-box; }
html { background: var(--ground); color: var(--ink); font: 16px/1.55 ui-sans-serif, system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; text-wrap: balance; }
h2 { font-size: 1.2rem; margin: 3rem 0 .75rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.75rem 0 .25rem; } figure h3 { margin: 0; }
p { margin: 0 0 .75rem; max-width: 44rem; }
.lead, .caption, .note { color: var(--quiet); }
.caption { font-size: .875rem; margin: .15rem 0 .5rem; }
.note { font-size: .875rem; }
.verdict { display: inline-block; margin: .5rem 0 1.5rem; padding: .35rem .8rem; border-radius: .5rem; font-weight: 600; }
.verdict.ok { color: var(--ok); background: var(--ok-ground); }
.verdict.bad { color: var(--bad); background: var(--bad-ground); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); gap: .75rem; margin: 0; }
.tiles div { background: var(--panel); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
.tiles dt { color: var(--quiet); font-size: .8125rem; }
.tiles dd { margin: .1rem 0 0; font-size: 1.5rem; font-weight: 600; letter-spacing: -.01em; font-variant-numeric: tabular-nums; }
.tiles dd small { display: block; line-height: 1.4; font-size: .8125rem; font-weight: 400; color: var(--quiet); letter-spacing: 0; }
iframe { display: block; width: min(94vw, 90rem); height: 85vh; margin-left: calc(50% - min(47vw, 45rem)); border: 1px solid var(--line); border-radius: .6rem; }
figure { margin: 1.75rem 0; break-inside: avoid; }
svg { display: block; width: 100%; height: auto; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 .4rem; padding: 0; font-size: .8125rem; color: var(--quiet); }
.swatch { display: inline-block; width: 1.1rem; height: 3px; border-radius: 2px; margin-right: .45rem; vertical-align: middle; background: currentColor; }
.swatch.dashed { background: repeating-linear-gradient(90deg, currentColor 0 5px, transparent 5px 8px); }
.tick, .name { font-size: 11px; fill: var(--quiet); font-variant-numeric: tabular-nums; }
.grid { stroke: var(--line); } .axis { stroke: var(--axis); }
.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.dashed { stroke-dasharray: 6 5; stroke-width: 1.5; }
.band { fill: currentColor; opacity: .18; } .fill, .dot { fill: currentColor; } .fill:hover { opacity: .75; }
.span { fill: var(--span); } .moment { fill: var(--axis); } .moment:hover { fill: var(--ink); }
${["correct", "byzantine", "truth", "good", "warm", "violet", "muted"].map((name) => `.${name} { color: var(--${name}); }`).join(" ")}
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .35rem 1.25rem .35rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 500; } .number { text-align: right; white-space: nowrap; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; overflow-x: auto; }
pre, code { font: .8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre.wrapped { white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--quiet); margin: .75rem 0; }
@media print { iframe { display: none; } body { max-width: none; padding: 0; } h2 { break-after: avoid; } }
`;
