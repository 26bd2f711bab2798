"""The look of a page: one style sheet, light and dark, from a phone to a wide screen. No font, script or picture is fetched."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #1d1f23; --soft: #62666d; --line: #e3e0d8; --tint: #f2efe8;
  --warn: #8a6410; --accent: #0b6e5f; --accent-soft: #d8ebe6; --before: #c9a24a; --between: #8e98a8; --bad: #b3372f; --bad-soft: #f7e3e0;
  --user: #e6eef8;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131517; --card: #1b1e21; --ink: #e7e5e0; --soft: #9aa0a8; --line: #2d3136; --tint: #22262a;
    --warn: #d8b45f; --accent: #4fc3ad; --accent-soft: #17382f; --before: #d8b45f; --between: #7d8897; --bad: #ef8178; --bad-soft: #3a211f;
    --user: #1e2a3a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", sans-serif;
}
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: clamp(1.7rem, 4.5vw, 2.5rem); line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 .5rem; font-weight: 680;
  overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; letter-spacing: -0.01em; margin: 3.2rem 0 .4rem; font-weight: 650; }
h3 { font-size: 1rem; margin: 1.6rem 0 .5rem; font-weight: 640; }
p { margin: .4rem 0 .9rem; max-width: 44rem; }
.lead { font-size: 1.08rem; color: var(--soft); }
.soft { color: var(--soft); } .small { font-size: .86rem; }
code, pre { font-family: var(--mono); font-size: .84rem; }
code { background: var(--tint); padding: .08em .35em; border-radius: .3em; overflow-wrap: anywhere; }
pre {
  background: var(--tint); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; margin: .5rem 0; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: 1.2rem 0 0; font-size: .9rem; }
nav a { color: var(--accent); text-decoration: none; } nav a:hover { text-decoration: underline; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .7rem; margin: 1.6rem 0 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: .8rem 1rem; }
.tile b { display: block; font-size: 1.6rem; line-height: 1.2; font-weight: 680; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .86rem; }
.scroll { overflow-x: auto; margin: .6rem 0 1.2rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .42rem .9rem .42rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); font-size: .84rem; white-space: nowrap; } td.n, th.n { text-align: right; white-space: nowrap; }
td { overflow-wrap: break-word; } td:first-child { min-width: 7.5rem; } td.n { overflow-wrap: normal; }
.good { color: var(--accent); font-weight: 620; } .warn { color: var(--warn); font-weight: 620; } .bad { color: var(--bad); font-weight: 620; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: 1rem 1.1rem; margin: .8rem 0; }
.bars { display: grid; grid-template-columns: minmax(6.5rem, 13rem) 1fr minmax(3.2rem, auto); gap: .3rem .8rem; align-items: center;
  font-size: .9rem; }
.bars .name { overflow-wrap: anywhere; line-height: 1.25; }
.bars .value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bars .group { grid-column: 1 / -1; font-weight: 620; margin-top: .7rem; } .bars .group:first-child { margin-top: 0; }
.bars svg { display: block; width: 100%; height: 1.15rem; overflow: visible; }
.track { fill: var(--tint); } .b0 { fill: var(--accent); } .b1 { fill: var(--before); } .b2 { fill: var(--between); } .b3 { fill: var(--bad); }
.whisker { stroke: var(--ink); stroke-width: 1.5; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: .86rem; color: var(--soft); margin: .3rem 0 .8rem; }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: .2rem; margin-right: .4rem; vertical-align: -1px; }
.k0 { background: var(--accent); } .k1 { background: var(--before); } .k2 { background: var(--between); } .k3 { background: var(--bad); }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 0 2.2rem; }
.talk { display: flex; flex-direction: column; gap: .55rem; margin: .9rem 0; }
.say { max-width: 88%; padding: .55rem .85rem; border-radius: .95rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.say small { display: block; color: var(--soft); font-size: .74rem; margin-bottom: .1rem; }
.user { align-self: flex-end; background: var(--user); border-bottom-right-radius: .3rem; }
.assistant { align-self: flex-start; background: var(--tint); border-bottom-left-radius: .3rem; }
.call { align-self: stretch; border-left: 3px solid var(--accent); padding: .1rem 0 .1rem .8rem; margin-left: .4rem; min-width: 0; }
.call.refused { border-color: var(--bad); }
.call summary { cursor: pointer; font-family: var(--mono); font-size: .82rem; overflow-wrap: anywhere; }
.call pre { max-height: 17rem; overflow: auto; }
.call .fx { font-size: .84rem; margin: .25rem 0 0; } .fx del { color: var(--bad); }
.fx ins { color: var(--accent); text-decoration: none; font-weight: 600; }
.checks { display: flex; flex-wrap: wrap; gap: .35rem; margin: .8rem 0 0; padding: 0; list-style: none; }
.checks li { border: 1px solid var(--line); border-radius: 2rem; padding: .1rem .7rem; font-size: .82rem; }
.checks li.good { border-color: var(--accent); } .checks li.bad { border-color: var(--bad); background: var(--bad-soft); }
.meta { color: var(--soft); font-size: .86rem; margin: 0; }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .86rem; }
@media (max-width: 34rem) {
  main { padding: 1.4rem .9rem 3rem; } h2 { margin-top: 2.4rem; } .say { max-width: 96%; }
  .bars { grid-template-columns: minmax(5.2rem, 8rem) 1fr auto; gap: .3rem .5rem; } th, td { padding-right: .6rem; } .tile b { font-size: 1.35rem; }
}
@media print { body { background: #fff; } .card, .tile { break-inside: avoid; } }
"""
