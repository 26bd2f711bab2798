"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685): y = W x + (alpha / r) B A x, with W frozen, A random and B zero at the start.

Adapters stand on every linear map of the chosen layers and are folded into the weights when training is over, so what comes out is an ordinary model
folder. Leaving the lowest layers alone also spares their backward pass, which on a CPU is time for more rows.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

_LAYER = re.compile(r"\blayers\.(\d+)\.")


class Adapted(nn.Module):
    """A frozen linear map (out, in) with an adapter of rank r."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float, generator: torch.Generator) -> None:
        super().__init__()
        self.base = base
        self.scale = alpha / rank
        down = torch.randn(rank, base.in_features, generator=generator) * base.in_features**-0.5
        self.down = nn.Parameter(down.to(base.weight.device))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank, device=base.weight.device))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (..., in) to (..., out)."""
        return self.base(x) + (x @ self.down.T.to(x.dtype)) @ self.up.T.to(x.dtype) * self.scale

    def folded(self) -> nn.Linear:
        """The linear map with the adapter added to its weights."""
        with torch.no_grad():
            self.base.weight += (self.up @ self.down * self.scale).to(self.base.weight.dtype)
        return self.base


def layer_of(name: str) -> int | None:
    """The index of the layer that a parameter or module belongs to; None outside the layers (embeddings, head, last norm)."""
    found = _LAYER.search(name)
    return int(found[1]) if found else None


def first_trained(model: Any, layers: int) -> int:
    """Index of the lowest of the `layers` uppermost layers (0 for all: `layers` = 0)."""
    indices = {index for name, _ in model.named_parameters() if (index := layer_of(name)) is not None}
    return max(0, len(indices) - layers) if layers else 0


def adapt(model: Any, *, rank: int, alpha: float, layers: int, seed: int) -> None:
    """Freezes the model and puts adapters on the linear maps of its `layers` uppermost layers (0: of all)."""
    generator = torch.Generator().manual_seed(seed)
    lowest = first_trained(model, layers)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for name, module in list(model.named_modules()):
        index = layer_of(name + ".")
        if isinstance(module, nn.Linear) and index is not None and index >= lowest:
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, Adapted(module, rank, alpha, generator))


def choose(model: Any, layers: int) -> None:
    """Full training of the `layers` uppermost layers (0: of everything)."""
    lowest = first_trained(model, layers)
    for name, parameter in model.named_parameters():
        index = layer_of(name)
        parameter.requires_grad_(not layers or (index is not None and index >= lowest))


def fold(model: Any) -> None:
    """Folds every adapter into the weights it stands on."""
    for name, module in list(model.named_modules()):
        if isinstance(module, Adapted):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, module.folded())
