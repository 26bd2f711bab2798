"""Documents of several files: files that a document refers to are brought into it, under one key, and references are rewritten.

Only files in the document's own folder or below it are read (whatever links lead to), a bounded number of them; references to URLs are left to be
reported. A document without such references costs one search over its bytes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

from artificer.core.canon import Json
from artificer.core.errors import ArtificerError
from artificer.worlds.openapi.document import Object
from artificer.worlds.openapi.reading import file_bytes, parsed

KEY = "x-artificer-files"
_FILES = 500
_OUTWARD = re.compile(rb"""\$ref["']?\s*:\s*["']?[^#"'\s]""")


def refers_outward(data: bytes) -> bool:
    """Whether a document's bytes hold a reference to something else than itself."""
    return _OUTWARD.search(data) is not None


def bundle(root: Object, path: Path, limit: int) -> None:
    """Brings the files that `root` (read from `path`) refers to into it, in place. What cannot be read is left as it is."""
    _Bundler(root, path.resolve(), limit).run()


class _Bundler:
    def __init__(self, root: Object, path: Path, limit: int) -> None:
        self.root = root
        self.path = path
        self.folder = path.parent
        self.left = limit
        self.files: Object = {}
        self.waiting: list[tuple[Json, Path]] = [(root, path)]

    def run(self) -> None:
        while self.waiting:
            value, path = self.waiting.pop()
            self._rewrite(value, path)
        if self.files:
            self.root[KEY] = self.files

    def _rewrite(self, value: Json, path: Path) -> None:
        stack: list[Json] = [value]
        seen: set[int] = set()
        while stack:
            part = stack.pop()
            if not isinstance(part, (dict, list)) or id(cast("object", part)) in seen:
                continue
            seen.add(id(cast("object", part)))
            if isinstance(part, list):
                stack.extend(cast("list[Json]", part))
                continue
            entries = cast("Object", part)
            ref: Json = entries.get("$ref")
            if isinstance(ref, str):
                entries["$ref"] = self._inward(ref, path)
            stack.extend(entries.values())

    def _inward(self, ref: str, path: Path) -> str:
        """A reference as it reads within the bundled document."""
        target, _, pointer = ref.partition("#")
        if not target and path == self.path:
            return ref
        if "://" in target or target.startswith("//"):
            return ref
        try:
            file = (path.parent / target).resolve() if target else path
            name = file.relative_to(self.folder).as_posix()
        except (ValueError, OSError):  # outside the folder, or no path at all
            return ref
        if file == self.path:
            return f"#{pointer}"
        if name not in self.files and not self._read(file, name):
            return ref
        return f"#/{KEY}/{name.replace('~', '~0').replace('/', '~1')}{pointer}"

    def _read(self, file: Path, name: str) -> bool:
        if len(self.files) >= _FILES:
            return False
        try:
            data = file_bytes(str(file), self.left)
            content = parsed(data, str(file))
        except ArtificerError:
            return False
        self.left -= len(data)
        self.files[name] = content
        self.waiting.append((content, file))
        return True
