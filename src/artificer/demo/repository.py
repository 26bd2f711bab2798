"""A small git repository for a third-party MCP server to work on, the same bytes of history on every machine: fixed authors, dates and contents.

It is the template of which every session of `mcp-server-git` gets a copy of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from artificer.core.errors import ArtificerError

DATE = "2026-03-02T09:{minute:02d}:00+00:00"
_CONFIG = {"user.name": "Robin Ferrer", "user.email": "robin@harbour.example", "commit.gpgsign": "false", "core.autocrlf": "false"}
"""The repository's own settings, so that a commit depends on nobody's personal ones."""

_HISTORY: tuple[tuple[str, dict[str, str]], ...] = (
    ("Opening hours of the harbour office", {"hours.md": "# Opening hours\n\nMonday to Friday, 8 to 16.\n"}),
    ("Berths and their depths", {"berths.csv": "berth,depth_m\nnorth,4.5\neast,6.0\nsouth,3.2\n"}),
    ("Fees for a night", {"fees.csv": "length_m,fee\n8,18\n12,27\n16,41\n"}),
    ("How to call the harbour master", {"contact.md": "# Contact\n\nVHF channel 12, day and night.\n"}),
    ("Winter opening hours", {"hours.md": "# Opening hours\n\nMonday to Friday, 8 to 16.\nIn winter, 9 to 15.\n"}),
    ("The west berth was dredged", {"berths.csv": "berth,depth_m\nnorth,4.5\neast,6.0\nsouth,3.2\nwest,5.1\n"}),
    ("Rules for fishing from the pier", {"rules/fishing.md": "# Fishing\n\nFrom the pier only, and not in July.\n"}),
    ("Rules for dogs", {"rules/dogs.md": "# Dogs\n\nOn a lead, everywhere.\n"}),
)
_BRANCHES = {"summer-prices": 3, "pier-repair": 6, "new-buoys": 7}
"""Branch names, with the number of commits that they have."""


def template(folder: Path) -> Path:
    """The repository at `folder`, built when it is not there yet.

    Raises:
        ArtificerError: git is missing, or fails.
    """
    if (folder / ".git").is_dir():
        return folder
    if shutil.which("git") is None:
        raise ArtificerError("git is not installed.", remedy="install git, or leave the MCP part out: --without-mcp")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".template-") as place:
        building = Path(place, "repository")
        building.mkdir()
        _git(building, "init", "--quiet", "--initial-branch=main")
        for name, value in _CONFIG.items():
            _git(building, "config", name, value)
        for number, (message, files) in enumerate(_HISTORY, start=1):
            for name, content in files.items():
                (building / name).parent.mkdir(exist_ok=True)
                (building / name).write_text(content, encoding="utf-8")
            _git(building, "add", "--all")
            _git(building, "commit", "--quiet", "--message", message, date=DATE.format(minute=number))
            for name, commits in _BRANCHES.items():
                if commits == number:
                    _git(building, "branch", name)
        (building / "fees.csv").write_text("length_m,fee\n8,19\n12,28\n16,43\n", encoding="utf-8")
        (building / "notices.md").write_text("# Notices\n\nThe crane is out of order until Thursday.\n", encoding="utf-8")
        shutil.rmtree(building / ".git" / "hooks", ignore_errors=True)
        building.rename(folder)
    return folder


def _git(folder: Path, *words: str, date: str | None = None) -> None:
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    if date is not None:
        environment |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    done = subprocess.run(["git", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ArtificerError(f"git {words[0]} failed: {done.stderr.strip()[:300]}", where=str(folder), remedy="mend git, or leave the MCP part out")
