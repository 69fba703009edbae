"""Muon in single precision.

`torch.optim.Muon` orthogonalises in bfloat16, which is many times slower on processors without bfloat16 units.
Method: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; step size as in https://arxiv.org/abs/2502.16982.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """Newton-Schulz iteration towards the nearest orthogonal matrix."""
    a, b, c = _COEFFICIENTS
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.T if matrix.shape[0] > matrix.shape[1] else x
    return result


class Muon:
    """Momentum on matrices with orthogonalised updates."""

    def __init__(self, weights: Iterable[nn.Parameter], momentum: float = 0.95, decay: float = 0.01) -> None:
        self.weights = list(weights)
        self.momentum, self.decay = momentum, decay
        self.buffers = [torch.zeros_like(weight) for weight in self.weights]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Applies one update of size `rate` and forgets the gradients."""
        for weight, buffer in zip(self.weights, self.buffers, strict=True):
            if weight.grad is None:
                continue
            buffer.lerp_(weight.grad, 1 - self.momentum)
            update = orthogonalise(weight.grad.lerp(buffer, self.momentum))
            weight.mul_(1 - rate * self.decay)
            weight.add_(update, alpha=-rate * 0.2 * max(weight.shape) ** 0.5)
            weight.grad = None
