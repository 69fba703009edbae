"""Trains the starter model on a processor for a given number of minutes.

`nice -n 5 python tools/starter/train.py --minutes 40`

Each worker is a process with one thread and its own conversations; every few seconds the workers average their weights.
One process with several threads would stand still whenever somebody else's program takes one of its cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.connection
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from batches import batches
from copying import plant_copying
from model import ModelShape, StarterModel
from muon import Muon
from tokens import load_tokenizer, train_tokenizer

DEFAULT_FOLDER = Path("build/starter")
PEAK_RATE = 4e-3


@dataclass(frozen=True)
class Plan:
    """What the command line asked for; see `main`."""

    folder: Path
    minutes: float
    seed: int
    workers: int
    tokens: int
    cooldown: float
    resume: bool
    plant: bool
    meeting: str
    round_seconds: float = 12.0

    @property
    def tokenizer_path(self) -> Path:
        """The tokenizer of this run."""
        return self.folder / "tokenizer.json"

    @property
    def weights_path(self) -> Path:
        """The newest weights of this run."""
        return self.folder / "weights.pt"


def rate_at(progress: float, cooldown: float) -> float:
    """Learning rate as a share of its peak: warm-up, plateau, then a straight line to zero."""
    if progress < 0.02:
        return progress / 0.02
    return min(1.0, max(0.0, (1 - progress) / cooldown))


def save(model: StarterModel, path: Path) -> None:
    """Writes the weights so that a reader never sees half a file."""
    partial = path.with_suffix(".partial")
    torch.save(model.state_dict(), partial)
    partial.replace(path)


@torch.no_grad()
def average(model: StarterModel, steps: int) -> tuple[int, bool]:
    """Averages the weights of all workers by the steps each has done; returns all steps and whether there were any."""
    flat = torch.nn.utils.parameters_to_vector(model.parameters()) * steps
    packed = torch.cat((flat, torch.tensor([float(steps)])))
    dist.all_reduce(packed)
    total = int(packed[-1])
    if total:
        torch.nn.utils.vector_to_parameters(packed[:-1] / total, model.parameters())
    return total, total > 0


def work(rank: int, plan: Plan) -> None:
    """One worker: trains in rounds until the time is over; the first one writes the weights."""
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    dist.init_process_group("gloo", init_method=f"file://{plan.meeting}", rank=rank, world_size=plan.workers)
    model = StarterModel(ModelShape())
    if plan.resume:
        model.load_state_dict(torch.load(plan.weights_path, weights_only=True))
    if plan.plant:
        plant_copying(model)
    named = dict(model.named_parameters())
    muon = Muon(weight for name, weight in named.items() if weight.ndim == 2 and name != "embed.weight")
    rest = [weight for name, weight in named.items() if weight.ndim != 2 or name == "embed.weight"]
    adam = torch.optim.AdamW(rest, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    stream = batches(load_tokenizer(plan.tokenizer_path), 1000 * plan.seed + rank, tokens=plan.tokens)
    begin, rounds, all_steps, smooth = time.monotonic(), 0, 0, 0.0
    while True:
        round_begin, steps = time.monotonic(), 0
        while (now := time.monotonic()) - round_begin < plan.round_seconds and now - begin < plan.minutes * 60:
            batch = next(stream)
            loss = model(batch.tokens, batch.positions, batch.mask, batch.targets)
            loss.backward()
            rate = PEAK_RATE * rate_at((now - begin) / (plan.minutes * 60), plan.cooldown)
            muon.step(rate)
            adam.param_groups[0]["lr"] = rate
            adam.step()
            adam.zero_grad()
            steps += 1
            value = float(loss.detach())
            smooth = 0.97 * smooth + 0.03 * value if smooth else value
        done, any_left = average(model, steps)
        rounds, all_steps = rounds + 1, all_steps + done
        if rank == 0:
            minutes = (time.monotonic() - begin) / 60
            print(
                f"minute {minutes:.1f} steps {all_steps} tokens {all_steps * plan.tokens} loss {smooth:.4f}", flush=True
            )
            if rounds % 8 == 0 or not any_left:
                save(model, plan.weights_path)
        if not any_left:
            break
    dist.barrier()
    dist.destroy_process_group()


def run_workers(plan: Plan) -> None:
    """Runs all workers to their end.

    Raises:
        SystemExit: A worker failed; the others are stopped.
    """
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(rank, plan), daemon=True) for rank in range(plan.workers)]
    for worker in workers:
        worker.start()
    waiting = list(workers)
    while waiting:
        multiprocessing.connection.wait([worker.sentinel for worker in waiting])
        if any(worker.exitcode for worker in waiting):
            raise SystemExit("a worker failed")
        waiting = [worker for worker in waiting if worker.exitcode is None]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=2048, help="tokens of one step of one worker")
    parser.add_argument("--cooldown", type=float, default=0.4, help="share of the time in which the rate falls to zero")
    parser.add_argument("--resume", action="store_true", help="go on from the folder's weights and tokenizer")
    parser.add_argument("--no-plant", action="store_true", help="do not plant the copying heads")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as meeting:
        plan = Plan(
            folder=arguments.folder,
            minutes=arguments.minutes,
            seed=arguments.seed,
            workers=arguments.workers,
            tokens=arguments.tokens,
            cooldown=arguments.cooldown,
            resume=arguments.resume,
            plant=not arguments.no_plant,
            meeting=f"{meeting}/workers",
        )
        if not plan.resume:
            train_tokenizer(ModelShape().n_vocab, plan.seed).save(str(plan.tokenizer_path))
        run_workers(plan)


if __name__ == "__main__":
    main()
