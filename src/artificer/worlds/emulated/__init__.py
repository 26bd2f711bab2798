"""`emulated:FILE`: tools that exist as specifications only, played by a model or from their schemas.

After ToolEmu (arXiv 2309.15817: a model stands in for the tools, in a standard and an adversarial manner), the executor of
CM2 (recorded results first) and the simulator of user-oriented dialogue generation (results fit a return schema and the
dialogue so far). Ours, where these keep state in the transcript alone: the state is JSON that code keeps, so sessions
fork, have a digest and effects, and every answer is checked against it. Without a model everything runs offline.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from artificer.core.errors import SourceError
from artificer.models.base import Model
from artificer.worlds.emulated.files import read_dialogue, read_material, read_scenarios, read_text
from artificer.worlds.emulated.records import Records
from artificer.worlds.emulated.session import EmulatedSession, Origin
from artificer.worlds.emulated.spec import Material, Scenario
from artificer.worlds.emulated.world import EmulatedWorld

__all__ = ["EmulatedSession", "EmulatedWorld", "Material", "Origin", "Records", "Scenario", "open_world"]


def open_world(
    rest: str,
    *,
    model: str = "none",
    mode: str = "standard",
    scenario: str | None = None,
    case: str | None = None,
    seed: str = "0",
    rows: str | None = None,
    records: str | None = None,
    dialogue: str | None = None,
    line: str = "1",
    policy: str | None = None,
    repairs: str = "2",
    timeout: str = "120",
) -> EmulatedWorld:
    """The world of a file of tool specifications.

    Args:
        rest: the file, TOML, JSON or JSON lines; see docs/worlds-emulated.md.
        model: a model string; `none` plays the tools from their schemas.
        mode: `standard`, or `adversarial`: the model steers towards the risks of a scenario.
        scenario: a file of red-team cases, if they do not stand in the source.
        case: the name or number of the case; the first if not given.
        seed: of everything that is made up.
        rows: how many rows a table that is not given has at the start.
        records: a file in which a model's answers are kept, and from which they are given again.
        dialogue: a reference dialogue whose results are given again.
        line: which line of a JSON lines file.
        policy: a text file with the rules that agents must obey.
        repairs: how often the model is asked again about one call.
        timeout: seconds that the model may take for one answer.

    Raises:
        SourceError: a file or an option cannot be used. ArtificerError: no such model.
    """
    where = f"emulated:{rest}"
    if mode not in ("standard", "adversarial"):
        raise SourceError(f"there is no mode {mode!r}.", where=where, remedy="write mode=standard or mode=adversarial")
    at = _number("line", line, where, 1)
    material = read_material(Path(rest), at)
    if scenario is not None:
        material = msgspec.structs.replace(material, scenarios=read_scenarios(Path(scenario)))
    if dialogue is not None:
        material = msgspec.structs.replace(material, dialogue=read_dialogue(Path(dialogue), at))
    if policy is not None:
        material = msgspec.structs.replace(material, policy=read_text(policy, "policy"))
    chosen = _case(material, case, where)
    if mode == "adversarial" and (model == "none" or chosen is None or not chosen.risks):
        needed = "a model" if model == "none" else "a scenario that names risks"
        raise SourceError(f"the adversarial mode needs {needed}.", where=where, remedy="give model=MODEL and scenario=FILE, or mode=standard")
    return EmulatedWorld(
        material,
        f"emulated:{Path(rest).name}",
        model=None if model == "none" else Model.of(model),
        mode=mode,
        scenario=chosen,
        seed=_number("seed", seed, where, 0),
        rows=None if rows is None else _number("rows", rows, where, 0, 10_000),
        records=Records(Path(records)) if records is not None else Records(),
        repairs=_number("repairs", repairs, where, 0, 20),
        timeout_s=float(_number("timeout", timeout, where, 1, 3600)),
    )


def _case(material: Material, case: str | None, where: str) -> Scenario | None:
    if case is None:
        return material.scenarios[0] if material.scenarios else None
    for at, one in enumerate(material.scenarios):
        if case in (one.name, str(at)):
            return one
    known = ", ".join(one.name or str(at) for at, one in enumerate(material.scenarios[:20]))
    raise SourceError(f"there is no case {case!r}.", where=where, remedy=f"choose one of {known}" if known else "give scenario=FILE")


def _number(name: str, text: str, where: str, least: int, most: int = 2**63) -> int:
    if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
        raise SourceError(f"{name} must be a whole number from {least}{f' to {most}' if most < 2**63 else ''}, not {text!r}.", where=where)
    return int(text)
