"""Under which licence data may be used: what rows say, and what stands beside the file. Said, not judged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from artificer.core.trace import Trace

_FIELDS = ("license", "licence", "License", "LICENSE", "licenses", "license_name")
_CARD = re.compile(r"^licen[sc]e(?:_name)?:[ \t]*[\"']?([^\s\"'#\[\]][^\n\"'#]{0,80})", re.MULTILINE)
_LISTED = re.compile(r"^licen[sc]e:[ \t]*\r?\n((?:[ \t]*-[ \t]*[^\n]{1,80}\r?\n){1,10})", re.MULTILINE)
_TEXTS = (
    ("apache-2.0", re.compile(r"Apache License\s{1,40}Version 2\.0")),
    ("mit", re.compile(r"Permission is hereby granted, free of charge")),
    ("cc-by-sa-4.0", re.compile(r"Attribution-ShareAlike 4\.0")),
    ("cc-by-nc-4.0", re.compile(r"Attribution-NonCommercial 4\.0")),
    ("cc-by-4.0", re.compile(r"Attribution 4\.0 International")),
    ("cc0-1.0", re.compile(r"CC0 1\.0 Universal")),
    ("bsd", re.compile(r"Redistribution and use in source and binary forms")),
    ("gpl", re.compile(r"GNU (?:LESSER |AFFERO )?GENERAL PUBLIC LICENSE", re.IGNORECASE)),
    ("odc-by", re.compile(r"Open Data Commons Attribution")),
)
_READ = 64 * 1024


def of_row(trace: Trace) -> str | None:
    """The licence that a row names: in its lineage, or among the fields that its format kept beside."""
    lineage = trace.lineage
    for record in (lineage, lineage.get("extra"), lineage.get("from"), _inside(lineage.get("extra"), "metadata"), _inside(lineage, "metadata")):
        if isinstance(record, dict):
            for name in _FIELDS:
                value = cast("dict[str, Any]", record).get(name)
                if isinstance(value, str) and value.strip():
                    return value.strip()
    return None


def _inside(record: Any, name: str) -> Any:
    return cast("dict[str, Any]", record).get(name) if isinstance(record, dict) else None


def beside(source: str | Path) -> Iterator[tuple[str, str]]:
    """Licences that files beside the data name, each with the file's name: the front matter of a README, and the text of a LICENSE."""
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    for name in ("README.md", "readme.md", "LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING"):
        try:
            with (folder / name).open("rb") as file:
                text = file.read(_READ).decode("utf-8", "replace")
        except OSError:
            continue
        if name.lower() == "readme.md":
            yield from ((licence, name) for licence in _front(text))
        else:
            yield next((licence for licence, pattern in _TEXTS if pattern.search(text)), "unknown (a text of its own)"), name


def _front(text: str) -> Iterator[str]:
    """The licences of a README's front matter, as the Hugging Face hub reads them."""
    if not text.startswith("---"):
        return
    head = text[3:].partition("\n---")[0]
    single = _CARD.search(head)
    listed = _LISTED.search(head + "\n")
    if listed is not None:
        yield from (line.strip(" \t-\r\"'") for line in listed[1].splitlines() if line.strip(" \t-\r"))
    elif single is not None:
        yield single[1].strip()
