"""Rows of different lengths through a transformers model at once, without padding, each as if it were alone.

All new tokens of all rows stand behind each other in one sequence: the linear maps, which are nearly all of the work, see one large matrix, and
attention is computed for each row by itself over its own keys and values. So a row's numbers depend on its own tokens only, and its reply is the
same, bit for bit, in whatever company it was written. Two things make that true beside the packing. A matrix product gives a row the same bits
whatever the number of rows, as long as there are `LEAST`; this is tried out on the machine when a model is first used, and where it does not hold,
rows are computed one by one. And a prompt's attention is computed in blocks of `BLOCK` positions, wherever the prompt is cut, so that whole blocks of
prompts can be used again by later rows that begin alike.

Models whose attention is not plain (sliding windows, soft caps, no attention at all) are computed one row at a time too.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Protocol

import torch
from msgspec import Struct
from torch.nn.functional import linear, scaled_dot_product_attention

from artificer.core.canon import rng
from artificer.models.base import Sampling

LEAST = 8
"""Fewest tokens that are given to a matrix product: below, libraries take other ways and round otherwise."""
BLOCK = 16
"""Positions of a prompt whose attention is computed together, and which are kept together."""
MOST_TOKENS = 2048
"""About so many new tokens are worked on at once."""
KEPT = 24
"""Prompts whose keys and values are kept."""
_NAME = "artificer_packed"


class Job(Struct, frozen=True):
    """One prompt to be continued: token ids, and how to choose tokens. `stops` are texts that end the reply."""

    ids: tuple[int, ...]
    sampling: Sampling
    stops: tuple[str, ...] = ()


class Unpackable(Exception):
    """This model's attention is not plain."""


class Row:
    """A job under way.

    Args:
        job: what is to be continued.
        store: room for keys and values (layers, 2, heads of keys, positions, numbers a head), or whatever else the engine keeps for a row.
    """

    def __init__(self, job: Job, store: Any) -> None:
        self.job = job
        self.store = store
        self.pending: list[int] = list(job.ids)
        self.written: list[int] = []
        self.chance: Random = rng("sample", job.sampling.seed, list(job.ids))
        self.seen = 0

    def borrow(self, store: Any, count: int) -> None:
        """Takes the keys and values of the first `count` positions from a prompt that begins alike."""
        self.store[:, :, :, :count] = store[:, :, :, :count]
        self.seen = count
        self.pending = list(self.job.ids[count:])

    def attend(self, layer: int, query: Any, key: Any, value: Any, scaling: float | None) -> Any:
        """Attention of new positions (heads, new, width) over all positions up to each; (new, heads, width)."""
        first, end = self.seen, self.seen + query.shape[1]
        keys, values = self.store[layer, 0], self.store[layer, 1]
        keys[:, first:end], values[:, first:end] = key, value
        if first >= len(self.job.ids):  # the heads that share a key stand in for positions: nothing is copied
            shared = query.reshape(keys.shape[0], -1, query.shape[2])
            return scaled_dot_product_attention(shared[None], keys[None, :, :end], values[None, :, :end], scale=scaling).reshape(
                1, -1, query.shape[2]
            )
        pieces: list[Any] = []
        for start in range(first - first % BLOCK, end, BLOCK):
            begin, stop = max(start, first), min(start + BLOCK, end)
            mask = torch.ones(stop - begin, stop, dtype=torch.bool).tril(begin)
            some = query[None, :, begin - first : stop - first]
            pieces.append(
                scaled_dot_product_attention(some, keys[None, :, :stop], values[None, :, :stop], attn_mask=mask, scale=scaling, enable_gqa=True)[0]
            )
        return torch.cat(pieces, dim=1).transpose(0, 1)


def _attention(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **how: Any) -> tuple[Any, None]:
    """The attention that transformers calls: `rows` say which of the tokens (1, heads, tokens, width) belong together."""
    rows: Sequence[Row] | None = how.get("rows")
    if rows is None or any(how.get(name) is not None for name in ("sliding_window", "softcap", "s_aux")) or how.get("is_causal") is False:
        raise Unpackable
    out = torch.zeros((query.shape[2], query.shape[1], query.shape[3]), dtype=query.dtype)
    at = 0
    for row in rows:
        end = at + len(row.pending)
        out[at:end] = row.attend(module.layer_idx, query[0, :, at:end], key[0, :, at:end], value[0, :, at:end], how.get("scaling"))
        at = end
    return out[None], None


class Engine(Protocol):
    """Computes what comes next in rows."""

    def row(self, job: Job) -> Row: ...

    def step(self, rows: Sequence[Row]) -> Any:
        """Takes in the pending tokens of each row; the logits (rows, vocabulary) behind its last."""
        ...


class Alone:
    """Rows one at a time, with transformers' own attention and cache: for models that cannot be packed."""

    def __init__(self, model: Any) -> None:
        self._model = model
        # transformers 5.24 renamed the parameter; the old name warns there and is the only one before
        self._slot = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"

    def row(self, job: Job) -> Row:
        from transformers import DynamicCache

        return Row(job, DynamicCache(config=self._model.config))

    def step(self, rows: Sequence[Row]) -> Any:
        logits: list[Any] = []
        with torch.inference_mode():
            for row in rows:
                out = self._model(input_ids=torch.tensor([row.pending]), use_cache=True, logits_to_keep=1, **{self._slot: row.store})
                row.seen += len(row.pending)
                row.pending = []
                logits.append(out.logits[0, -1].float())
        return logits


class Packed:
    """A model at work on rows that come and go.

    Args:
        model: a causal language model of transformers, in evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        from transformers import AttentionInterface

        AttentionInterface.register(_NAME, _attention)
        config = model.config.get_text_config()
        heads: int = config.num_attention_heads
        width: int = getattr(config, "head_dim", None) or config.hidden_size // heads
        self._model = model
        self._size = (int(config.num_hidden_layers), int(getattr(config, "num_key_value_heads", None) or heads), width)
        self._kept: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._weights = self._stamp()

    def _stamp(self) -> tuple[int, int]:
        """Changes when the weights do: what was kept is then forgotten."""
        every = list(self._model.parameters())
        return sum(part._version for part in every), hash(tuple(map(id, every)))

    def row(self, job: Job) -> Row:
        """A job's row; what a kept prompt has in common with it, in whole blocks, is not computed again."""
        layers, heads, width = self._size
        row = Row(job, torch.empty((layers, 2, heads, len(job.ids) + job.sampling.max_tokens, width), dtype=self._model.dtype))
        if self._weights != (now := self._stamp()):
            self._weights = now
            self._kept.clear()
        best, source = 0, None
        for ids in self._kept:
            count = _common(ids, job.ids)
            if count > best:
                best, source = count, ids
        if source is not None:
            self._kept.move_to_end(source)
            row.borrow(self._kept[source], best)
        return row

    def step(self, rows: Sequence[Row]) -> Any:
        """One token further: the logits (rows, vocabulary) behind each row's last token."""
        tokens = [token for row in rows for token in row.pending]
        places = [place for row in rows for place in range(row.seen, row.seen + len(row.pending))]
        lasts: list[int] = []
        for row in rows:
            lasts.append((lasts[-1] if lasts else -1) + len(row.pending))
        filling = [0] * max(0, LEAST - len(tokens))
        chosen = lasts + [lasts[-1]] * max(0, LEAST - len(lasts))
        before = self._model.config._attn_implementation
        self._model.set_attn_implementation(_NAME)
        try:
            with torch.inference_mode():
                out = self._model(
                    input_ids=torch.tensor([tokens + filling]),
                    position_ids=torch.tensor([places + filling]),
                    use_cache=False,
                    logits_to_keep=torch.tensor(chosen),
                    rows=rows,
                )
        finally:
            self._model.set_attn_implementation(before)
        for row in rows:
            prompt = not row.seen or len(row.pending) > 1
            row.seen += len(row.pending)
            row.pending = []
            if prompt:
                self._keep(row)
        return out.logits[0, : len(rows)].float()

    def _keep(self, row: Row) -> None:
        whole = len(row.job.ids) - len(row.job.ids) % BLOCK
        ids = row.job.ids[:whole]
        if whole and ids not in self._kept:
            self._kept[ids] = row.store[:, :, :, :whole].clone()
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


class Writer:
    """Writes replies to many jobs, one token for each at a time.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        ends: token ids that end a reply; they are not part of it.
        text: ids as text, to look for `Job.stops`.
        batch: most jobs at a time.
    """

    def __init__(self, model: Any, ends: frozenset[int], text: Callable[[Sequence[int]], str], batch: int) -> None:
        self._engine: Engine = Packed(model) if steady(model) and packs(model) else Alone(model)
        self._ends, self._text, self._batch = ends, text, batch
        self.active: list[Row] = []

    @property
    def room(self) -> bool:
        """Whether another job can be let in now."""
        return len(self.active) < self._batch and sum(len(row.pending) for row in self.active) < MOST_TOKENS

    def admit(self, job: Job) -> Row:
        self.active.append(self._engine.row(job))
        return self.active[-1]

    def step(self) -> list[Row]:
        """Writes one token in each active row; the rows that ended with it."""
        ended: list[Row] = []
        for row, logits in zip(self.active, self._engine.step(self.active), strict=True):
            token = choose(logits, row.job.sampling, row.chance)
            if token in self._ends:
                ended.append(row)
                continue
            row.written.append(token)
            row.pending = [token]
            if len(row.written) >= row.job.sampling.max_tokens or self._stopped(row):
                ended.append(row)
        self.active = [row for row in self.active if row not in ended]
        return ended

    def _stopped(self, row: Row) -> bool:
        return bool(row.job.stops) and any(stop in self._text(row.written[-len(stop) - 8 :]) for stop in row.job.stops)


def generate(writer: Writer, jobs: Sequence[Job]) -> list[tuple[int, ...]]:
    """The replies to jobs, as ids."""
    rows: list[Row] = []
    coming = list(reversed(jobs))
    while coming or writer.active:
        while coming and writer.room:
            rows.append(writer.admit(coming.pop()))
        writer.step()
    return [tuple(row.written) for row in rows]


def choose(logits: Any, sampling: Sampling, chance: Random) -> int:
    """One token from logits (V,): the greatest at temperature 0, else drawn from the smallest set of tokens that holds `top_p` of the probability."""
    if sampling.temperature <= 0:
        return int(logits.argmax())
    probabilities, order = (logits / sampling.temperature).softmax(-1).sort(descending=True)
    total = probabilities.cumsum(-1)
    inside = int((total < sampling.top_p).sum()) + 1
    draw = chance.random() * float(total[min(inside, len(total)) - 1])
    return int(order[min(int((total < draw).sum()), len(order) - 1)])


def _common(kept: tuple[int, ...], ids: tuple[int, ...]) -> int:
    """Positions, in whole blocks, that a kept prompt shares with `ids`; one token at least is always left to be computed."""
    count = 0
    while count + BLOCK <= len(kept) and count + BLOCK < len(ids) and kept[count : count + BLOCK] == ids[count : count + BLOCK]:
        count += BLOCK
    return count


def packs(model: Any) -> bool:
    """Whether a model can be packed: its attention is plain, and the packed answer is the plain one but for rounding."""
    ids = tuple(range(3, 3 + BLOCK + 5))
    try:
        packed = Packed(model)
        rows = [packed.row(Job(some, Sampling(max_tokens=1))) for some in (ids[:3], ids)]
        found = packed.step(rows)[1]
        with torch.inference_mode():
            wanted = model(input_ids=torch.tensor([ids]), use_cache=False, logits_to_keep=1).logits[0, -1].float()
    except Exception:  # whatever another architecture does with what it does not know: it is not packed
        return False
    spread = float((wanted.max() - wanted.min()).clamp(min=1e-6))
    return bool((found - wanted).abs().max() <= (1e-3 if model.dtype == torch.float32 else 5e-2) * spread)


def steady(model: Any) -> bool:
    """Whether this machine's matrix products give a row the same bits in any company of at least `LEAST`. Tried on the model's own shapes."""
    shapes = {tuple(part.weight.shape): part.weight for part in model.modules() if isinstance(part, torch.nn.Linear)}
    for (_, width), weight in shapes.items():
        numbers = torch.linspace(-1, 1, 257 * width).sin().reshape(257, width).to(weight.dtype)
        with torch.inference_mode():
            whole = linear(numbers, weight)
            if not all(torch.equal(linear(numbers[:count], weight), whole[:count]) for count in (LEAST, LEAST + 1, 13, 24, 64)):
                return False
            if not torch.equal(linear(numbers[100 : 100 + LEAST], weight), whole[100 : 100 + LEAST]):
                return False
    return True
