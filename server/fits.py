"""Whether the models of a repository on the hub fit a machine, before anything is downloaded.

One header says nearly everything about a repository: its quants differ in their weights only. So the header of one is
fetched, its load is simulated, and what the others take follows from the sizes of their files.
"""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from paddock.backends.planning import Judgement
from paddock.sdk.errors import ModelNotFound, ModelUnusable, PaddockError
from paddock.sdk.hub import FitsRequest, HubModel, HubQuant, HubResult, QuantFit, RepoFits, Suggestion
from paddock.sdk.memory import Estimate, EstimateRequest, Machine, Parts, Prediction, Verdict
from paddock.sdk.types import ModelInfo, Options
from paddock.server.fit_basis import Basis, put
from paddock.server.memory import Memory, Terms
from paddock.server.predictions import Predictions
from paddock.server.subjects import Subject, Subjects

if TYPE_CHECKING:
    from paddock.backends.ledger import Ledger
    from paddock.server.hub import HubService

_LOOKS = 3
"""Headers that are fetched for one question: the exact answer for the best may show that another is better."""
_ON_CARDS = 0.8
"""Of the memory of graphics cards, what a model is guessed to get when the rest of it stays in RAM."""

Judge = Callable[[Prediction], Judgement]


class Fits:
    """Lives on the host's loop; any number of questions at once, each of which may be cancelled.

    ``models`` gives those on disk, ``folder`` is where downloads go to.
    """

    def __init__(
        self,
        hub: HubService,
        memory: Memory,
        subjects: Subjects,
        predictions: Predictions,
        *,
        models: Callable[[], Awaitable[Sequence[ModelInfo]]],
        folder: Path,
    ) -> None:
        self._hub = hub
        self._memory = memory
        self._subjects = subjects
        self._predictions = predictions
        self._models = models
        self._folder = folder
        self._known: OrderedDict[tuple[str, str, str], Subject] = OrderedDict()
        """Quants whose headers are here, by repository, revision and label."""
        self._truths: OrderedDict[str, tuple[Options, Prediction]] = OrderedDict()
        """The last simulated load, and its options, by the key of its subject."""
        self._bases: OrderedDict[tuple[str, Machine], Basis] = OrderedDict()

    async def of(self, request: FitsRequest) -> RepoFits:
        """The answer to ``request``. Raises BadRequest, UnknownOption, InvalidOption, ModelNotFound, and what keeps the
        hub from telling what the repository holds."""
        from paddock.browser.downloaded import downloaded
        from paddock.browser.fits import best_of

        model = await self._hub.known(request.repo)
        here = downloaded(model, await self._models())
        look = _Look(self, request, model, here, await self._memory.machine(request.on))
        fits = await look.quickly() if request.quick else await look.surely()
        best, reason = best_of(fits)
        return RepoFits(
            repo=model.result.id,
            fits=fits,
            best=best,
            reason=reason,
            disk_free=await asyncio.to_thread(_disk_free, self._folder),
            machine=look.machine.name if request.on else "",
            notes=tuple(look.notes),
        )

    async def guess(self, on: str = "") -> Callable[[HubResult], HubResult]:
        """Fills in whether results fit, by their numbers of parameters. Raises BadRequest."""
        machine, judge = await self._memory.machine(on), await self._memory.judge(on)

        def filled(result: HubResult) -> HubResult:
            verdict: Verdict = "cannot_tell"
            if result.parameters and "gguf" in result.formats:
                verdict = _guessed(judge, machine, result.parameters, result.context_length)
            return msgspec.structs.replace(result, fit=verdict)

        return filled

    async def suggested(self, listed: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
        """Fills in whether they fit this computer, and which of them are on disk."""
        from paddock.browser.downloaded import named

        machine, judge, models = await self._memory.machine(), await self._memory.judge(), await self._models()
        return tuple(
            msgspec.structs.replace(
                each,
                fit=_guessed(judge, machine, each.parameters, size=each.size_bytes),
                downloaded=named(each.source, models),
            )
            for each in listed
        )

    # -------------------------------------------------------------- what is known of a repository

    def subject(self, model: HubModel, label: str) -> Subject | None:
        """A quant whose headers are here."""
        return self._known.get((model.result.id, model.revision, label))

    def know(self, model: HubModel, label: str, subject: Subject) -> None:
        put(self._known, (model.result.id, model.revision, label), subject)

    async def found(self, model: HubModel, quant: HubQuant, here: str) -> Subject | None:
        """Its headers, if they are on this computer: in the model ``here``, or fetched at another time."""
        if here:
            return await self._subjects.find(here)
        endpoint = model.page.removesuffix(f"/{model.result.id}")
        paths = [file.path for file in quant.files]
        return await self._subjects.kept(endpoint, model.result.id, model.revision, quant.label, paths)

    async def asked(self, model: HubModel, quant: HubQuant, here: str, request: FitsRequest) -> Estimate:
        """The estimate of ``quant`` as everybody gets it; its header is fetched for it. Raises as
        :meth:`Memory.estimate`."""
        name = here or quant.source
        subject = await (self._subjects.find(here) if here else self._subjects.on_hub(quant.source))
        asked = EstimateRequest(model=name, options=request.options, on=request.on)
        estimate = await self._memory.estimate_of(subject, asked)
        subject = dataclasses.replace(subject, fetched_bytes=0)  # that was told once
        self.know(model, quant.label, subject)
        if not request.on and (told := self._predictions.remembered(subject, estimate.options)) is not None:
            put(self._truths, subject.key, (estimate.options, told))
            self._bases.pop((subject.key, await self._memory.machine()), None)
        return estimate

    async def judged(self, subject: Subject, request: FitsRequest, terms: Terms) -> Estimate:
        """The estimate of ``subject`` by ``terms``."""
        asked = EstimateRequest(model=subject.name, options=request.options, on=request.on, quick=True)
        return await self._memory.estimate_of(subject, asked, terms)

    def imagined(self, name: str, size: int) -> Subject:
        return self._subjects.imagined(name, size)

    def basis(self, subject: Subject, machine: Machine) -> Basis:
        """What is computed for one question is kept for the next: a slider asks many that differ little."""
        key = (subject.key, machine)
        basis = self._bases.get(key)
        if basis is None:
            truth = None if machine.planned else self._truths.get(subject.key)
            basis = Basis(subject, machine, self._predictions, truth)
        put(self._bases, key, basis)
        return basis

    def ledger(self) -> Ledger:
        return self._memory.ledger.frozen()


class _Look:
    """One question about a repository."""

    def __init__(
        self, fits: Fits, request: FitsRequest, model: HubModel, here: Mapping[str, str], machine: Machine
    ) -> None:
        self._fits = fits
        self._request = request
        self._model = model
        self._here = here
        self._exact: dict[str, Estimate] = {}
        self.machine = machine
        self.notes: list[str] = [] if model.quants else [f"{model.result.id} holds no GGUF file."]

    async def quickly(self) -> tuple[QuantFit, ...]:
        """With what is known already, the largest first."""
        ledger = self._fits.ledger()
        bases = [(quant, self._fits.basis(subject, self.machine)) for quant, subject in await self._known()]
        found = []
        for quant in reversed(self._model.quants):
            found.append(await self._fit(quant, bases, ledger))
            await asyncio.sleep(0)  # a long list must not hold up the host
        return tuple(found)

    async def surely(self) -> tuple[QuantFit, ...]:
        """After a look at the header of the quant that was asked for, or that suits best."""
        from paddock.browser.fits import best_of

        fits = await self.quickly()
        for _ in range(_LOOKS):
            quant = self._chosen(self._request.quant or best_of(fits)[0])
            if quant is None or quant.label in self._exact:
                break
            try:
                self._exact[quant.label] = await self._fits.asked(
                    self._model, quant, self._here.get(quant.label, ""), self._request
                )
            except ModelUnusable as error:  # a broken file: the next best is asked about
                name = self._here.get(quant.label) or quant.source
                self._exact[quant.label] = _untold(name, quant, error.sentence())
            except PaddockError as error:
                self.notes.append(error.sentence())
                break
            fits = await self.quickly()
        return fits

    def _chosen(self, label: str) -> HubQuant | None:
        """The quant ``label``, or the smallest that is whole. Raises ModelNotFound."""
        whole = self._whole()
        if not label:
            return whole[0] if whole else None
        for quant in whole:
            if quant.label.casefold() == label.casefold():
                return quant
        raise ModelNotFound(f"{self._model.result.id} has no {label[:60]} that is whole.", hint="Choose another quant.")

    async def _known(self) -> list[tuple[HubQuant, Subject]]:
        """Quants whose headers have been read; else the first whose headers are on this computer."""
        whole = self._whole()
        known = [(quant, s) for quant in whole if (s := self._fits.subject(self._model, quant.label)) is not None]
        for quant in () if known else sorted(whole, key=lambda quant: quant.label not in self._here):
            try:
                subject = await self._fits.found(self._model, quant, self._here.get(quant.label, ""))
            except PaddockError:  # a file that has just gone, or is broken: the library says so
                continue
            if subject is not None:
                self._fits.know(self._model, quant.label, subject)
                return [(quant, subject)]
        return known

    def _whole(self) -> list[HubQuant]:
        return [quant for quant in self._model.quants if not quant.missing and _is_gguf(quant)]

    async def _fit(self, quant: HubQuant, bases: list[tuple[HubQuant, Basis]], ledger: Ledger) -> QuantFit:
        from paddock.browser.quant_quality import about

        estimate = self._exact.get(quant.label) or await self._estimate(quant, bases, ledger)
        return QuantFit(
            label=quant.label,
            source=quant.source,
            size_bytes=quant.size_bytes,
            estimate=estimate,
            about=about(quant.label),
            downloaded=self._here.get(quant.label, ""),
        )

    async def _estimate(self, quant: HubQuant, bases: list[tuple[HubQuant, Basis]], ledger: Ledger) -> Estimate:
        name = self._here.get(quant.label) or quant.source
        if quant.missing:
            return _untold(name, quant, f"The repository lacks {quant.missing[0]}, a part of it.")
        if not _is_gguf(quant):
            return _untold(name, quant, "What it takes cannot be told: this version of Paddock does not run it.")
        if bases:
            nearest, basis = min(bases, key=lambda known: abs(known[0].size_bytes - quant.size_bytes))
            terms = Terms(predict=await basis.of_quant(nearest, quant), ledger=ledger)
            subject = dataclasses.replace(basis.subject, name=name, size_bytes=quant.size_bytes, fetched_bytes=0)
        else:
            terms = Terms(predict=self._by_size(quant), ledger=ledger, guess=True)
            subject = self._fits.imagined(name, quant.size_bytes)
        return await self._fits.judged(subject, self._request, terms)

    def _by_size(self, quant: HubQuant) -> Callable[[Options], Awaitable[Prediction]]:
        from paddock.browser.fits import guessed

        facts, machine = self._model.result, self.machine

        async def predict(options: Options) -> Prediction:
            return guessed(
                quant.size_bytes, options, machine, parameters=facts.parameters, trained=facts.context_length
            )

        return predict


def _guessed(judge: Judge, machine: Machine, parameters: int, trained: int = 0, size: int = 0) -> Verdict:
    """Whether a model of so many parameters, or of ``size`` bytes, fits: as it is usually quantised, or with a small
    quant or a part of it in RAM."""
    from paddock.browser.fits import BITS_SMALL, BITS_USUAL, graphics_of, guessed

    def verdict(bytes_: float, on_gpu: float = 1.0) -> Verdict:
        found = guessed(bytes_, {}, machine, parameters=parameters, trained=trained, on_gpu=on_gpu)
        return judge(found).verdict

    usual = size or parameters * BITS_USUAL / 8
    first = verdict(usual)
    if first != "does_not_fit":
        return first
    smaller = [usual] if size else [usual, parameters * BITS_SMALL / 8]
    room = sum(card.total if card.free is None else card.free for card in graphics_of(machine))
    for needed in smaller:
        for share in (1.0, min(1.0, _ON_CARDS * room / needed)):
            if verdict(needed, share) != "does_not_fit":
                return "fits_with"
    return "does_not_fit"


def _is_gguf(quant: HubQuant) -> bool:
    return all(file.path.lower().endswith(".gguf") for file in quant.files)


def _untold(name: str, quant: HubQuant, why: str) -> Estimate:
    return Estimate(
        model=name,
        source="analytic",
        confidence="low",
        total_bytes=quant.size_bytes,
        parts=Parts(weights=quant.size_bytes),
        devices=(),
        verdict="cannot_tell",
        sentence=why,
    )


def _disk_free(folder: Path) -> int:
    """Bytes; 0 where it cannot be told."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    try:
        return shutil.disk_usage(there).free
    except OSError:
        return 0
