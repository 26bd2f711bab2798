"""Supervised fine-tuning in one loop that fits a screen: rows in, a model folder out.

Weights are fp32; arithmetic is bf16 where the processor is made for it (avx512_bf16, or a GPU), fp32 elsewhere, where bf16 would be emulated and
hundreds of times slower. Logits are computed at learnt positions only, because the head is a fifth of a small model's work. A checkpoint holds the
trained weights, the optimizer and the position; continuing from one gives bit for bit what an undisturbed training gives. With `minutes` set,
training stops in time and the learning rate falls with the clock too: the one setting that makes a result depend on the machine's speed.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from msgspec import Struct
from torch.nn import functional

from artificer.core.canon import digest
from artificer.core.errors import ArtificerError
from artificer.models.hf import Tokens
from artificer.training import lora
from artificer.training.batches import Batch, epoch
from artificer.training.render import Row


class Settings(Struct, frozen=True):
    """How to train.

    Args:
        lr: highest learning rate, reached after `warmup` steps; it then falls linearly to a tenth.
        epochs: passes over the rows.
        tokens: most tokens of a batch, padding counted.
        longest: longer rows are left out (in tokens).
        rank: of the adapters; 0 trains the weights themselves.
        alpha: the adapters' scale is alpha / rank.
        layers: how many of the uppermost layers learn; 0 for all.
        clip: largest norm of the gradient.
        decay: AdamW's weight decay.
        seed: decides the order and the adapters' start.
        steps: most steps, None for all that the epochs have.
        minutes: stop in time, None for no limit.
        save_every: steps between checkpoints, 0 for none.
    """

    lr: float = 1e-3
    warmup: int = 8
    epochs: int = 1
    tokens: int = 1024
    longest: int = 768
    rank: int = 16
    alpha: float = 32.0
    layers: int = 0
    clip: float = 1.0
    decay: float = 0.0
    seed: int = 0
    steps: int | None = None
    minutes: float | None = None
    save_every: int = 0


class Step(Struct, frozen=True):
    """One line of the log. `loss` is the mean over the step's learnt tokens, in nats; `seconds` are since training began or was continued."""

    step: int
    of: int
    loss: float
    lr: float
    gradient: float
    tokens: int
    learnt: int
    seconds: float
    tokens_per_second: float


class Trained(Struct, frozen=True):
    """What came of it."""

    steps: int
    rows: int
    left_out: int
    tokens: int
    seconds: float
    cpu_seconds: float
    first_loss: float
    last_loss: float
    parameters: int
    arithmetic: str


def arithmetic() -> tuple[str, torch.dtype | None]:
    """The device, and the type to compute in (None: fp32)."""
    if torch.cuda.is_available():
        return "cuda", torch.bfloat16
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        flags = ""
    return "cpu", torch.bfloat16 if "avx512_bf16" in flags or "amx_bf16" in flags else None


def loss_of(model: Any, batch: Batch, device: str = "cpu") -> torch.Tensor:
    """Mean cross-entropy over the learnt tokens: -1/N sum log p(token | what is before it). The scalar that is minimised."""
    ids = torch.tensor(batch.ids, device=device)
    labels = torch.tensor(batch.labels, device=device)[:, 1:]
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    wanted = labels != -100
    logits = model.get_output_embeddings()(hidden[wanted])
    return functional.cross_entropy(logits.float(), labels[wanted])


def rate(settings: Settings, step: int, total: int, spent: float) -> float:
    """The learning rate of a step: linear warm-up, then a linear fall to a tenth by the last step or the end of the time (`spent`, 0 to 1)."""
    if step < settings.warmup:
        return settings.lr * (step + 1) / settings.warmup
    share = max((step - settings.warmup) / max(1, total - settings.warmup), spent)
    return settings.lr * (1 - 0.9 * min(1.0, share))


def train(
    model: Any,
    tokens: Tokens,
    rows: Sequence[Row],
    settings: Settings,
    out: Path,
    progress: Callable[[Step], None] = lambda step: None,
) -> Trained:
    """Trains `model` in place and writes it to `out` as a transformers folder, with `log.jsonl` and `trained.json` beside it.

    A folder with a checkpoint of the same settings and rows is continued.

    Raises:
        ArtificerError: there are no rows, the folder holds another training's checkpoint, or the loss is no longer finite.
    """
    fitting = [row for row in rows if len(row.ids) <= settings.longest]
    if not fitting:
        raise ArtificerError(
            "There is nothing to train on.", where=f"{len(rows)} rows, longest {settings.longest} tokens", remedy="make more, or raise longest"
        )
    device, kind = arithmetic()
    torch.manual_seed(settings.seed)
    model.to(device)
    if settings.rank:
        lora.adapt(model, rank=settings.rank, alpha=settings.alpha, layers=settings.layers, seed=settings.seed)
    else:
        lora.choose(model, settings.layers)
    model.train()
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    optimizer = torch.optim.AdamW(trained.values(), lr=settings.lr, weight_decay=settings.decay, betas=(0.9, 0.99))
    out.mkdir(parents=True, exist_ok=True)
    kept = _Checkpoint(
        out / "checkpoint.pt", digest(msgspec.structs.replace(settings, minutes=None), [row.ids for row in fitting]), trained, optimizer
    )
    done = kept.load()

    total = _total(fitting, settings, tokens.pad)
    begun, cpu, seen, losses = time.monotonic(), time.process_time(), 0, [0.0, 0.0]
    with (out / "log.jsonl").open("ab" if done else "wb") as log:
        for number, batch in _steps(fitting, settings, tokens.pad, done, total):
            seconds = time.monotonic() - begun
            spent = seconds / (settings.minutes * 60) if settings.minutes else 0.0
            if spent >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = rate(settings, number, total, spent)
            with torch.autocast(device, dtype=kind, enabled=kind is not None):
                loss = loss_of(model, batch, device)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(trained.values(), settings.clip)
            if not math.isfinite(value := loss.item()):
                raise ArtificerError(f"The loss is {value} at step {number}.", where=str(out), remedy="lower the learning rate")
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            seen += batch.real
            losses = [losses[0] if losses[0] else value, value]
            seconds = time.monotonic() - begun
            line = Step(number + 1, total, value, optimizer.param_groups[0]["lr"], float(norm), batch.real, batch.learnt, seconds, seen / seconds)
            log.write(msgspec.json.encode(line) + b"\n")
            log.flush()
            progress(line)
            done = number + 1
            if settings.save_every and done % settings.save_every == 0:
                kept.save(done)
    if settings.rank:
        lora.fold(model)
    model.eval()
    model.save_pretrained(str(out))
    tokens.tokenizer.save_pretrained(str(out))
    result = Trained(
        steps=done,
        rows=len(rows),
        left_out=len(rows) - len(fitting),
        tokens=seen,
        seconds=time.monotonic() - begun,
        cpu_seconds=time.process_time() - cpu,
        first_loss=losses[0],
        last_loss=losses[1],
        parameters=sum(parameter.numel() for parameter in trained.values()),
        arithmetic=f"{device} {kind or torch.float32}".replace("torch.", ""),
    )
    (out / "trained.json").write_bytes(msgspec.json.format(msgspec.json.encode({"result": result, "settings": settings}), indent=1))
    return result


def _total(rows: Sequence[Row], settings: Settings, pad: int) -> int:
    a_pass = sum(1 for _ in epoch(rows, 0, tokens=settings.tokens, seed=settings.seed, pad=pad, longest=settings.longest))
    return min(a_pass * settings.epochs, settings.steps or 1 << 60)


def _steps(rows: Sequence[Row], settings: Settings, pad: int, done: int, total: int) -> Iterator[tuple[int, Batch]]:
    """Steps after the first `done`, numbered from 0. Every epoch has as many as the first: batches are cut by length, not by order."""
    number = 0
    for index in range(settings.epochs):
        for batch in epoch(rows, index, tokens=settings.tokens, seed=settings.seed, pad=pad, longest=settings.longest):
            if number >= total:
                return
            if number >= done:
                yield number, batch
            number += 1


class _Checkpoint:
    """Trained weights, optimizer and position in one file, replaced at once or not at all."""

    def __init__(self, path: Path, key: str, trained: dict[str, torch.nn.Parameter], optimizer: torch.optim.Optimizer) -> None:
        self._path = path
        self._key = key
        self._trained = trained
        self._optimizer = optimizer

    def save(self, done: int) -> None:
        state = {"key": self._key, "done": done, "weights": self._trained, "optimizer": self._optimizer.state_dict()}
        partial = self._path.with_suffix(".new")
        torch.save(state, partial)
        os.replace(partial, self._path)

    def load(self) -> int:
        """Puts the state back; how many steps were done."""
        if not self._path.exists():
            return 0
        try:
            state: dict[str, Any] = torch.load(self._path, weights_only=True)
        except Exception as error:  # torch raises many kinds on a damaged file
            raise ArtificerError("The checkpoint cannot be read.", where=str(self._path), remedy="delete it to begin anew") from error
        if state["key"] != self._key:
            remedy = "choose another folder, or delete the checkpoint"
            raise ArtificerError("The checkpoint belongs to a training with other rows or settings.", where=str(self._path), remedy=remedy)
        with torch.no_grad():
            for name, parameter in self._trained.items():
                parameter.copy_(state["weights"][name])
        self._optimizer.load_state_dict(state["optimizer"])
        return int(state["done"])
