"""``paddock search``: models on the hub, and what one repository holds."""

from __future__ import annotations

import re
import time
from typing import Annotated, Literal

import msgspec
import typer

from paddock.sdk.cli.terminal import Terminal, printable
from paddock.sdk.client import Client
from paddock.sdk.hub import (
    Badge,
    FitsRequest,
    HubFormat,
    HubModel,
    HubPage,
    HubResult,
    HubSearchRequest,
    HubSort,
    RepoFits,
    Suggestion,
)
from paddock.sdk.hub_words import hub_words
from paddock.sdk.memory import Verdict
from paddock.sdk.units import bytes_text

VERDICTS: dict[Verdict, str] = {
    "fits": "fits",
    "fits_if_unloaded": "fits if others are unloaded",
    "fits_with": "fits with other settings",
    "does_not_fit": "too large",
    "cannot_tell": "cannot be told",
}
SHORT: dict[Verdict, str] = VERDICTS | {"fits_if_unloaded": "unload first", "fits_with": "tight", "cannot_tell": ""}
"""For lists."""
_MOST = 500
_PAGE = 100
_NEAR = 0.15
_WIDE = 110
"""Columns of a terminal that has room for the whole table."""
_UNITS = {"": 10**9, "B": 10**9, "M": 10**6, "T": 10**12}


def search(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="Words, AUTHOR/, or a repository, of which the files are listed: OWNER/REPO, its address, or the link "
            "or command by which another program gets it."
        ),
    ] = None,
    author: Annotated[str, typer.Option("--author", "-a", metavar="AUTHOR", help="Only by this publisher.")] = "",
    params: Annotated[
        str, typer.Option("--params", "-p", metavar="RANGE", help="Parameters: 1-8B, -4B, 30B-, or about: 8B.")
    ] = "",
    licence: Annotated[
        str, typer.Option("--licence", "--license", metavar="LICENCE", help="As the hub calls it: apache-2.0.")
    ] = "",
    task: Annotated[str, typer.Option("--task", metavar="TASK", help="As the hub calls it: text-generation.")] = "",
    language: Annotated[str, typer.Option("--language", metavar="CODE", help="A language: de.")] = "",
    gated: Annotated[
        bool | None, typer.Option("--gated/--open", help="Only those that ask for consent, or only the others.")
    ] = None,
    format: Annotated[HubFormat, typer.Option("--format", help="Kind of files.")] = "gguf",
    sort: Annotated[HubSort, typer.Option("--sort", "-s", help="Order.")] = "trending",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=_MOST, help="How many.")] = 20,
    suggested: Annotated[bool, typer.Option("--suggested", help="A short list of good first models.")] = False,
    badge: Annotated[Badge | None, typer.Option("--badge", help="Only what has this capability.")] = None,
    fits: Annotated[bool, typer.Option("--fits", help="Leave out what certainly does not fit.")] = False,
    fit: Annotated[
        bool, typer.Option("--fit", help="With a repository: whether each of its models fits. Fetches a header.")
    ] = False,
    on: Annotated[str, typer.Option("--on", metavar="MACHINE", help="Fits another computer: 24GB, “64GB mac”.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look for models on the hub (Hugging Face, or the one that HF_ENDPOINT names), or at one of them."""
    terminal = Terminal()
    least, most = parameter_range(params)
    request = HubSearchRequest(
        words=" ".join(words or ()), author=author, format=format, min_parameters=least, max_parameters=most,
        licence=licence, task=task, language=language, gated=gated, badge=badge, fits=fits, on=on, sort=sort,
        limit=min(_PAGE, limit),
    )  # fmt: skip
    with Client.connect(client="cli") as client:
        if suggested:
            found = client.suggestions()
            return terminal.json(found) if json else _show_suggestions(terminal, found)
        page = client.search(request)
        if page.named:
            model = client.hub_model(page.named)
            found_fits = _fits(client, model, on, terminal) if fit or on else None
            if json:
                return terminal.json(_with_fits(model, found_fits))
            return _show_model(terminal, model, found_fits)
        if fit:
            raise typer.BadParameter("It goes with one repository: OWNER/REPO.", param_hint="--fit")
        results = _noted(terminal, page)
        while page.cursor and len(results) < limit:
            page = client.search(msgspec.structs.replace(request, cursor=page.cursor))
            results += _noted(terminal, page)
        if not results and hub_words(request.words).repo:
            client.hub_model(request.words)  # says why there is none
    if json:
        return terminal.json({"results": results[:limit], "stale": page.stale, "fetched": page.fetched})
    return _show_results(terminal, results[:limit])


def parameter_range(text: str) -> tuple[int | None, int | None]:
    """“1-8B” as numbers of parameters; a single number means about so many. Raises typer.BadParameter."""
    found = re.fullmatch(r"\s*(?:([\d.]+)\s*([BMT]?))?\s*(-?)\s*(?:([\d.]+)\s*([BMT]?))?\s*", text, re.IGNORECASE)
    try:
        if found is None or (found[3] == "" and found[4]):
            raise ValueError
        low = float(found[1]) * _UNITS[(found[2] or found[5] or "").upper()] if found[1] else None
        high = float(found[4]) * _UNITS[(found[5] or "").upper()] if found[4] else None
    except ValueError:
        raise typer.BadParameter(f"“{text}” is no range.", param_hint="--params: 1-8B, -4B, 30B- or 8B") from None
    if low is not None and not found[3]:
        low, high = low * (1 - _NEAR), low * (1 + _NEAR)
    return (None if low is None else round(low)), (None if high is None else round(high))


def _noted(terminal: Terminal, page: HubPage) -> list[HubResult]:
    """The results of a page, what there is to say about it said."""
    for note in page.notes:
        terminal.note(printable(note), style="yellow")
    return list(page.results)


# ---------------------------------------------------------------- showing


def _show_results(terminal: Terminal, results: list[HubResult]) -> None:
    if not results:
        terminal.note("Nothing was found. Try fewer words or wider filters.")
        return
    table = {
        "Id": [printable(result.id) for result in results],
        "Parameters": [count_text(result.parameters) for result in results],
        "Downloads": [count_text(result.downloads) for result in results],
        "Likes": [count_text(result.likes) for result in results],
        "Licence": [printable(result.licence) for result in results],
        "Updated": [_day(result.updated) for result in results],
        "Fit": [SHORT[result.fit] for result in results],
        "Badges": [_remarks(result) for result in results],
    }
    if terminal.out.width < _WIDE:  # else the ids would be broken
        del table["Likes"], table["Updated"], table["Licence"]
    right = [at for at, name in enumerate(table) if name in ("Parameters", "Downloads", "Likes")]
    terminal.table(tuple(table), list(zip(*table.values(), strict=True)), right=right)


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(moment)) if moment else ""


def _show_model(terminal: Terminal, model: HubModel, fits: RepoFits | None) -> None:
    result = model.result
    context = f"{result.context_length:,} tokens of context" if result.context_length else ""
    size = f"{count_text(result.parameters)} parameters" if result.parameters else ""
    facts = (result.id, size, result.architecture, context, result.licence, _remarks(result))
    terminal.line(" · ".join(printable(fact) for fact in facts if fact))
    notes = fits.notes if fits is not None else ()
    for note in dict.fromkeys((*model.notes, model.obstacle, *notes)):
        if note:
            terminal.note(printable(note), style="yellow")
    terminal.line("")
    if not model.quants:
        terminal.note("It holds no GGUF file. Look for a conversion of it.")
        return
    rows, words = [], _words(fits)
    for quant in model.quants:
        row = [quant.source, bytes_text(quant.size_bytes), str(len(quant.files))]
        remark = f"{quant.missing[0]} is missing" if quant.missing else words.get(quant.source, "")
        rows.append([printable(cell) for cell in (*row, remark)])
    terminal.table(("Model", "Size", "Files", "Fit" if fits else ""), rows, right=(1, 2))
    if model.projectors:
        named = ", ".join(f"{printable(each.path)} ({bytes_text(each.size_bytes)})" for each in model.projectors)
        terminal.line(f"With each of them comes a projector, with which it sees pictures: {named}.")
    if fits is not None and fits.best:
        terminal.line(f"{printable(fits.best)} suits best: {printable(fits.reason)}.")
    if terminal.watched:
        wanted = fits.best if fits is not None and fits.best else "Q4_K_M"
        example = next((quant for quant in model.quants if quant.label == wanted), model.quants[0])
        terminal.aside(f"“paddock get {printable(example.source)}” downloads that one.")


def _show_suggestions(terminal: Terminal, found: list[Suggestion]) -> None:
    rows = [
        (
            each.source,
            count_text(each.parameters),
            bytes_text(each.size_bytes),
            "here" if each.downloaded else SHORT[each.fit],
            each.licence,
            each.reason,
        )
        for each in found
    ]
    terminal.table(("Model", "Parameters", "Size", "Fit", "Licence", "Why"), rows, right=(1, 2))


def _fits(client: Client, model: HubModel, on: str, terminal: Terminal) -> RepoFits:
    request = FitsRequest(repo=model.result.id, on=on)
    if not terminal.watched:
        return client.hub_fits(request)
    with terminal.status("looking whether they fit"):
        return client.hub_fits(request)


def _words(fits: RepoFits | None) -> dict[str, str]:
    """The verdict of each model by its source."""
    found = {}
    for fit in fits.fits if fits is not None else ():
        estimate = fit.estimate
        told = estimate.verdict != "cannot_tell"
        verdict = f"{VERDICTS[estimate.verdict]}: {bytes_text(estimate.total_bytes)}" if told else estimate.sentence
        found[fit.source] = f"{verdict}, {fit.about}" if fit.about and told else verdict
    return found


def _with_fits(model: HubModel, fits: RepoFits | None) -> HubModel | dict[str, object]:
    """What scripts rely on."""
    if fits is None:
        return model
    return {"model": model, "fit": _words(fits), "best": fits.best, "reason": fits.reason}


def _remarks(result: HubResult) -> str:
    marks: list[str | Literal["gated", "private"]] = list(result.badges)
    if result.gated:
        marks.append("gated")
    if result.private:
        marks.append("private")
    return ", ".join(marks)


def count_text(number: int | None) -> str:
    """A count for a table: 1.2M, 8.2B; empty for None."""
    if number is None:
        return ""
    for unit, size in (("B", 10**9), ("M", 10**6), ("K", 10**3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)
