"""The styles of exported pages: for the screen in light and dark, and for paper in what QTextDocument understands."""

from __future__ import annotations

SCREEN = """\
:root { color-scheme: light dark; --back: #fdfdfb; --text: #1d1c19; --soft: #55534c; --line: #e2e0d9; --sunken: #f1f0eb;
  --link: #2c52cf; --warn: #8a5800;
  --silk0: #2c52cf; --silk1: #c2410c; --silk2: #0f766e; --silk3: #7c3aed; --silk4: #a16207; --silk5: #be185d; }
@media (prefers-color-scheme: dark) { :root { --back: #1c1c1a; --text: #eceae4; --soft: #b7b5ac; --line: #31312d;
  --sunken: #292926; --link: #8da6ff; --warn: #e7b657;
  --silk0: #8da6ff; --silk1: #ff9a6b; --silk2: #4fc9bc; --silk3: #be9bff; --silk4: #e0b84c; --silk5: #ff8fb8; } }
body { margin: 0; background: var(--back); color: var(--text);
  font: 15px/1.55 Inter, system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: anywhere; }
.chat { max-width: 760px; margin: 0 auto; padding: 40px 24px 56px; }
.chat.wide { max-width: 1600px; }
.chat + .chat { border-top: 1px solid var(--line); }
h1, h2, h3, h4 { line-height: 1.3; font-weight: 600; }
h1 { font-size: 24px; margin: 0 0 12px; }
.said h1 { font-size: 20px; } .said h2 { font-size: 18px; } .said h3, .said h4 { font-size: 15px; }
a { color: var(--link); }
.about { color: var(--soft); font-size: 13px; border-spacing: 0; margin-bottom: 24px; }
.about th { text-align: left; font-weight: 500; padding: 1px 16px 1px 0; white-space: nowrap; vertical-align: top; }
.about td { padding: 1px 0; }
.who { margin: 28px 0 6px; font-size: 13px; font-weight: 600; }
.version, .note, .numbers, .call, summary { color: var(--soft); font-size: 13px; font-weight: 400; }
.numbers { font-variant-numeric: tabular-nums; }
.note { color: var(--warn); }
.asked, .system { background: var(--sunken); border-radius: 12px; padding: 10px 14px; }
.pictures { margin: 6px 0 8px; }
.pictures img { max-width: 100%; height: auto; border-radius: 8px; border: 1px solid var(--line); }
.system > :first-child, .said > :first-child { margin-top: 0; }
.system > :last-child, .said > :last-child { margin-bottom: 0; }
details { margin: 6px 0 10px; border-left: 2px solid var(--line); padding-left: 12px; }
summary { cursor: pointer; }
.reasoning { color: var(--soft); }
pre { background: var(--sunken); border-radius: 8px; padding: 12px 14px; overflow-x: auto; }
code { font: 13px/1.5 "JetBrains Mono", ui-monospace, Menlo, Consolas, monospace; font-variant-ligatures: none; }
:not(pre) > code { background: var(--sunken); border-radius: 4px; padding: 1px 4px; }
blockquote { margin: 12px 0; padding-left: 14px; border-left: 3px solid var(--line); color: var(--soft); }
.said table { border-collapse: collapse; display: block; overflow-x: auto; }
.said th, .said td { border: 1px solid var(--line); padding: 5px 10px; text-align: left; }
.panes { table-layout: fixed; border-spacing: 12px 0; margin: 20px -12px; width: calc(100% + 24px); }
.panes > tbody > tr > th { text-align: left; font-size: 13px; padding: 8px 0 6px; border-top: 3px solid var(--line); }
.panes > tbody > tr > td { vertical-align: top; padding: 6px 0; }
.panes th.silk0 { border-color: var(--silk0); } .panes th.silk1 { border-color: var(--silk1); }
.panes th.silk2 { border-color: var(--silk2); } .panes th.silk3 { border-color: var(--silk3); }
.panes th.silk4 { border-color: var(--silk4); } .panes th.silk5 { border-color: var(--silk5); }
.who.silk0 { color: var(--silk0); } .who.silk1 { color: var(--silk1); } .who.silk2 { color: var(--silk2); }
.who.silk3 { color: var(--silk3); } .who.silk4 { color: var(--silk4); } .who.silk5 { color: var(--silk5); }
@media print { body { font-size: 11pt; } details > * { display: block; } pre { white-space: pre-wrap; } }
"""

PAPER = """\
body { color: #1d1c19; font-family: Inter; font-size: 10pt; }
h1 { font-size: 17pt; font-weight: 600; margin-top: 0px; margin-bottom: 8px; }
h2 { font-size: 13pt; font-weight: 600; } h3, h4 { font-size: 11pt; font-weight: 600; }
a { color: #2c52cf; text-decoration: none; }
.about th { font-weight: 500; text-align: left; padding-right: 12px; color: #55534c; font-size: 8.5pt; }
.about td { color: #55534c; font-size: 8.5pt; }
.who { font-weight: 600; font-size: 9pt; margin-top: 16px; margin-bottom: 4px; }
.version, .numbers, .call, .folded { color: #55534c; font-size: 8.5pt; font-weight: 400; }
.note { color: #8a5800; font-size: 8.5pt; }
.asked td, .code td { background-color: #f1f0eb; padding: 7px; }
.asked, .code { margin-top: 6px; margin-bottom: 6px; }
.reasoning, .system { color: #55534c; margin-left: 14px; }
.other { margin-left: 14px; }
pre { white-space: pre-wrap; margin-top: 0px; margin-bottom: 0px; }
code, pre { font-family: "JetBrains Mono"; font-size: 8.5pt; }
blockquote { color: #55534c; }
.said table { border-collapse: collapse; border-width: 1px; border-style: solid; border-color: #e2e0d9; }
.said th, .said td { padding: 4px; border-width: 1px; border-style: solid; border-color: #e2e0d9; }
.said table.code { border-style: none; border-width: 0px; }
.said table.code td { padding: 7px; border-style: none; border-width: 0px; }
.panes th { text-align: left; padding: 4px; font-size: 9pt; font-weight: 600; background-color: #f1f0eb; }
.panes td { padding: 4px; }
"""
