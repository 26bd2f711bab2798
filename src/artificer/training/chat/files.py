"""Rows in and out of files: a tokenizer's folder with its template, traces as rows, rows as records for trainers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.formats.base import Item
from artificer.formats.holding import chosen
from artificer.models.tokens import transformers_quietly
from artificer.training.chat.merged import merged_of
from artificer.training.chat.rows import Hidden, Rendered, Row, rows_of
from artificer.training.chat.template import Template


def opened(folder: Path, template: Path | None, options: Mapping[str, Json]) -> Template:
    """The tokenizer in a folder with its chat template, or another one; ends of turns are those of its generation config.

    Raises:
        ArtificerError: there is no tokenizer, or no template.
        MissingExtra: transformers is not installed.
    """
    transformers = transformers_quietly()
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        what = f"This is not a tokenizer that transformers can load: {str(error).splitlines()[0]}"
        raise ArtificerError(what, where=str(folder), remedy="give a folder with tokenizer.json") from error
    try:
        source = template.read_text("utf-8") if template is not None else None
    except (OSError, UnicodeDecodeError) as error:
        raise ArtificerError(f"The template cannot be read: {error}", where=str(template), remedy="give a file: --template FILE.jinja") from error
    return Template(tokenizer, source, options, _ends(folder))


def _ends(folder: Path) -> list[int]:
    """Ids that end a turn, by the generation config beside the tokenizer, if there is one."""
    try:
        told: Any = json.loads((folder / "generation_config.json").read_bytes()).get("eos_token_id")
    except (OSError, ValueError, AttributeError):
        return []
    return [one for one in cast("list[Any]", told if isinstance(told, list) else [told]) if isinstance(one, int)]


def rendered(
    items: Iterable[Item], template: Template, *, rows: Literal["exact", "one"] = "exact", hidden: Hidden = "refuse", every: bool = False
) -> Iterator[Rendered]:
    """The rows of each trace: of the branches that passed, or of all with `every`."""
    for item in items:
        leaves = chosen(item.trace, every)
        if rows == "one":
            yield merged_of(item.trace, template, item.tools, leaves=leaves, hidden=hidden)
        else:
            yield rows_of(item.trace, template, item.tools, leaves=leaves, hidden=hidden)


def record(row: Row) -> bytes:
    """A row as trainers read it: `input_ids`, `labels` (-100 where nothing is learnt), `owner`, and each stream of weights."""
    made: dict[str, Any] = {"trace": row.trace, "leaf": row.leaf, "input_ids": row.ids, "labels": row.labels, "owner": row.owner}
    made |= {f"weight_{name}": stream for name, stream in row.weights.items()}
    if row.logprobs is not None:
        made["logprobs"] = row.logprobs
    return msgspec.json.encode(made)
