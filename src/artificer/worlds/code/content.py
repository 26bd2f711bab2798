"""What an agent is shown of a run: text, and the files that are new, small pictures as data URIs."""

from __future__ import annotations

import base64
import mimetypes
import os
import sys
from collections.abc import Mapping
from hashlib import blake2b
from typing import cast

from artificer.core.canon import Json
from artificer.core.messages import File, Image, Part, Text
from artificer.worlds.code.program import Outcome
from artificer.worlds.observe import Tables

MOST_IMAGES = 10
LARGEST_IMAGE = 256 * 1024
_LISTED = 50
_TEXT_SHOWN = 4096
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF87a": "image/gif", b"GIF89a": "image/gif"}

RETURNS: dict[str, Json] = {
    "type": "object",
    "properties": {
        "stdout": {"type": "string"},
        "stderr": {"type": "string"},
        "result": {"type": "string", "description": "the value of the last expression"},
        "error": {"type": "string", "description": "the traceback, when the program raised"},
        "files": {
            "type": "array",
            "description": "files that are new or changed",
            "items": {"type": "object", "properties": {"path": {"type": "string"}, "mime": {"type": "string"}, "bytes": {"type": "integer"}}},
        },
        "dropped": {"type": "array", "items": {"type": "string"}, "description": "what was not kept, and why"},
    },
    "additionalProperties": True,
}


def shown(outcome: Outcome, before: Mapping[str, bytes]) -> dict[str, Json]:
    """The content of a result. Empty parts are left out, but never all of it: `stdout` always stands."""
    content: dict[str, Json] = {"stdout": outcome.stdout}
    texts = {"stderr": without_places(outcome.stderr), "result": outcome.result, "error": without_places(outcome.error or "")}
    content |= {name: text for name, text in texts.items() if text}
    if not outcome.finished and outcome.died != "exited with status 0":
        content["error"] = f"{content.get('error', '')}The program {outcome.died}.".strip()
    changed = [path for path, data in outcome.files.items() if before.get(path) != data]
    if changed:
        content["files"] = _files({path: outcome.files[path] for path in changed[:_LISTED]})
    gone = [path for path in before if path not in outcome.files]
    if gone:
        content["deleted"] = gone[:_LISTED]
    if outcome.dropped:
        content["dropped"] = list(outcome.dropped)
    return content


def _files(files: Mapping[str, bytes]) -> list[Json]:
    """Files by path, type and size; the first few small pictures with their bytes."""
    found: list[Json] = []
    pictures = 0
    for path, data in files.items():
        mime = mime_of(path, data)
        about: dict[str, Json] = {"path": path, "mime": mime, "bytes": len(data)}
        if is_picture(data) and len(data) <= LARGEST_IMAGE and pictures < MOST_IMAGES:
            pictures += 1
            about["uri"] = f"data:{mime};base64,{base64.b64encode(data).decode()}"
        found.append(about)
    return found


def parts(content: Json) -> tuple[Part, ...]:
    """A result's content as message parts: one text, then the pictures, then the other files by reference."""
    if not isinstance(content, dict):
        return ()
    fields = cast("dict[str, Json]", content)
    text = "\n".join(str(fields[name]).rstrip() for name in ("stdout", "stderr", "result", "error") if fields.get(name))
    files = [cast("dict[str, Json]", about) for about in cast("list[Json]", fields.get("files") or []) if isinstance(about, dict)]
    images = [Image(str(about["uri"]), str(about["mime"])) for about in files if about.get("uri")]
    others = [File(f"scratch/{about.get('path')}", str(about.get("mime"))) for about in files if not about.get("uri")]
    return (*([Text(text)] if text else []), *images, *others)


def is_picture(data: bytes) -> bool:
    """Whether the bytes begin as those of a PNG, JPEG or GIF do."""
    return any(data.startswith(head) for head in _PICTURES)


def mime_of(path: str, data: bytes) -> str:
    """The type by the bytes for pictures, else by the name, else text or not."""
    for head, mime in _PICTURES.items():
        if data.startswith(head):
            return mime
    guessed = mimetypes.guess_type(path, strict=True)[0] if path.isascii() else None
    if guessed and not guessed.startswith("image/"):
        return guessed
    return "text/plain" if text_of(data) is not None else "application/octet-stream"


def text_of(data: bytes) -> str | None:
    """The bytes as text, if they are."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def tables(files: Mapping[str, bytes]) -> Tables:
    """Files as an observed table: short texts as they are, everything else by digest and size."""
    rows: dict[str, Json] = {}
    for path, data in files.items():
        text = text_of(data) if len(data) <= _TEXT_SHOWN else None
        rows[path] = {"text": text} if text is not None else {"bytes": len(data), "digest": blake2b(data, digest_size=16).hexdigest()}
    return {"files": rows}


def without_places(text: str) -> str:
    """A traceback's paths without where Python is installed on this machine."""
    homes = {os.path.realpath(place) for place in (sys.base_prefix, sys.prefix, sys.exec_prefix)}
    packages = {os.path.dirname(os.path.realpath(path)) for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    for place in sorted(homes | packages | {sys.base_prefix, sys.prefix}, key=len, reverse=True):
        text = text.replace(f"{place}/", "")
    return text
