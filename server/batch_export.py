"""A batch as a table for spreadsheets, as JSON lines for scripts, or as a page to read. Nothing in it is executed or
fetched: whatever a model wrote stays text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from html import escape

import msgspec

from paddock.sdk.batch_lines import (
    cell_line,
    pane_names,
    picture_names,
    prompt_text,
    settings_text,
    summarised,
    verdict,
)
from paddock.sdk.chats import Exported
from paddock.sdk.compare import Batch, BatchCell, BatchExport, BatchPrompt
from paddock.sdk.units import counted
from paddock.server.chat_files import absolute, write_file
from paddock.server.chat_table import plain

_MARK = {True: "passed", False: "failed", None: "not told"}
_COLUMNS = """number name tags prompt pane model settings repeat state answer passed checks prompt_tokens
completion_tokens ttft_s tokens_per_second duration_s stop_reason seed error images"""
_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8881; --good: #1a7f4b; --bad: #c0392b; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 32px; }
h1 { font-size: 20px; margin: 0 0 4px; } p { margin: 0 0 20px; opacity: .7; }
.scroll { overflow-x: auto; margin-bottom: 28px; }
table { border-collapse: collapse; } th, td { border: 1px solid var(--line); padding: 8px 10px; text-align: left;
vertical-align: top; } th { background: var(--soft); font-weight: 600; }
td.answer { min-width: 260px; max-width: 520px; white-space: pre-wrap; overflow-wrap: anywhere; }
.prompt { max-width: 320px; white-space: pre-wrap; overflow-wrap: anywhere; }
small { display: block; opacity: .7; white-space: normal; }
.passed { color: var(--good); } .failed { color: var(--bad); }
@media (prefers-color-scheme: dark) { :root { --good: #5fd08f; --bad: #ff8a7a; } }
"""


def export(request: BatchExport, batch: Batch, prompts: Sequence[BatchPrompt], cells: Sequence[BatchCell]) -> Exported:
    """Write the cells that have ended. Raises BadRequest, StorageFailed."""
    ended = [cell for cell in cells if cell.state in ("done", "failed")]
    text = {"csv": _csv, "jsonl": _jsonl, "html": _html}[request.format](batch, prompts, ended)
    if not request.path:
        return Exported(messages=len(ended), text=text)
    path = absolute(request.path)
    # Excel takes a table without a mark for the local code page.
    write_file(path, ["\ufeff" if request.format == "csv" else "", text], replace=request.replace)
    return Exported(files=(str(path),), messages=len(ended))


def _jsonl(batch: Batch, prompts: Sequence[BatchPrompt], cells: Sequence[BatchCell]) -> str:
    names = pane_names(batch.panes)
    lines = [cell_line(cell, prompts[cell.prompt], names[cell.pane]) for cell in cells]
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)


def _csv(batch: Batch, prompts: Sequence[BatchPrompt], cells: Sequence[BatchCell]) -> str:
    names, out = pane_names(batch.panes), io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_COLUMNS.split())
    for cell in cells:
        prompt, pane = prompts[cell.prompt], batch.panes[cell.pane]
        usage, stats, passed = cell.usage, cell.stats, verdict(cell.checks)
        checks = "; ".join(f"{check.name}: {_MARK[check.passed]}" for check in cell.checks)
        words = (prompt.name, ", ".join(prompt.tags), prompt_text(prompt), names[cell.pane], pane.model)
        row = [
            *(cell.prompt + 1, *map(plain, words), plain(settings_text(pane)), cell.repeat + 1, cell.state),
            *(plain(cell.text), "" if passed is None else passed, plain(checks)),
            *((usage.prompt_tokens, usage.completion_tokens) if usage is not None else ("", "")),
            *((f"{stats.ttft_s:.4f}", f"{stats.tokens_per_second:.2f}") if stats is not None else ("", "")),
            *(f"{stats.duration_s:.3f}" if stats is not None else "", cell.stop_reason),
            *("" if cell.seed is None else cell.seed, plain(cell.error.message) if cell.error is not None else ""),
            plain("; ".join(prompt.images)),
        ]
        writer.writerow(row)
    return out.getvalue()


# ---------------------------------------------------------------- a page


def _html(batch: Batch, prompts: Sequence[BatchPrompt], cells: Sequence[BatchCell]) -> str:
    names = pane_names(batch.panes)
    placed: dict[tuple[int, int], list[BatchCell]] = {}
    for cell in cells:
        placed.setdefault((cell.prompt, cell.pane), []).append(cell)
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = "".join(
        f'<tr><th class="prompt">{escape(prompt.name or prompt_text(prompt))}{_pictures(prompt)}</th>'
        + "".join(_answers(placed.get((at, pane), ())) for pane in range(len(names)))
        + "</tr>\n"
        for at, prompt in enumerate(prompts)
    )
    times = f", each {batch.repeat:,} times" if batch.repeat > 1 else ""
    about = f"{counted(batch.prompts, 'prompt')}, {counted(len(names), 'pane')}{times}; {batch.failed:,} failed."
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(batch.name)}</title>'
        f"<style>{_STYLE}</style><h1>{escape(batch.name)}</h1><p>{about}</p>\n"
        f'<div class="scroll">{_summary(batch, cells)}</div>\n'
        f'<div class="scroll"><table><tr><th>Prompt</th>{head}</tr>\n{rows}</table></div></html>\n'
    )


def _summary(batch: Batch, cells: Sequence[BatchCell]) -> str:
    rows = ""
    for number, name in enumerate(pane_names(batch.panes)):
        found = summarised([cell for cell in cells if cell.pane == number])
        values = (found.passed_text, found.speed_text, found.first_text, found.tokens_text)
        rows += f"<tr><th>{escape(name)}</th>" + "".join(f"<td>{escape(value)}</td>" for value in values) + "</tr>"
    heads = ("Pane", "Checks passed", "Tokens/s", "First token", "Tokens")
    return "<table><tr>" + "".join(f"<th>{head}</th>" for head in heads) + f"</tr>{rows}</table>"


def _pictures(prompt: BatchPrompt) -> str:
    """By their names, where those do not stand for the prompt already."""
    names = picture_names(prompt)
    return f"<small>With {escape(names)}</small>" if names and prompt_text(prompt) != names else ""


def _answers(cells: Sequence[BatchCell]) -> str:
    return '<td class="answer">' + "<hr>".join(_answer(cell) for cell in cells) + "</td>"


def _answer(cell: BatchCell) -> str:
    if cell.error is not None:
        return f'<span class="failed">Failed: {escape(cell.error.message)}</span>'
    checks = "".join(
        f'<small class="{"" if check.passed is None else _MARK[check.passed]}">{_MARK[check.passed]}: '
        f"{escape(check.name)}{' – ' if check.note else ''}{escape(check.note)}</small>"
        for check in cell.checks
    )
    return escape(cell.text) + checks
