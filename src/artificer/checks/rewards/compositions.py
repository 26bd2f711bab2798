"""Published rewards as compositions of terms, by name, and compositions from plain data.

    reward = composition("deepeyes", score("answered"))

`accuracy` is any term; everything else a composition brings. Where a published reward pays for form alone, `mode="strict"` lets
form only cost (a shift by the best it can be), so that a well-formed wrong answer earns nothing; `mode="code"` is the source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, cast

from artificer.checks.rewards import penalties
from artificer.checks.rewards.base import Rollout, Term, constant, product, term, total, weighted
from artificer.checks.rewards.combine import bonus, clip, gate, linear, named, scheduled
from artificer.checks.rewards.efficiency import fewer_calls, lenient, not_overlong, search_cost, shorter, tokens, within
from artificer.checks.rewards.evidence import tool_used
from artificer.checks.rewards.forms import DEEPEYES, DEEPEYES_V2, TAPO, TOOL_STAR, deducted, faults, formed, read, strict, written
from artificer.checks.rewards.steps import steps
from artificer.core.errors import ArtificerError

Mode = Literal["code", "strict"]
Composition = Callable[[Term, Mode], Term]


def _form(part: Term, best: float, mode: Mode) -> Term:
    """A form score as it is, or so that it can only cost."""
    return part if mode == "code" else named(part + -best, part.name)


def tool_star(accuracy: Term, mode: Mode = "code") -> Term:
    """-1 for bad form; else the accuracy, and 0.1 more where it is above 0 and several tools were used (04, code).

    The source looks for both kinds of tags; `strict` wants results of two tools that were accepted.
    """

    def several(rollout: Rollout) -> float:
        if mode == "strict":
            return 0.1 * (len({one.call.name for one in penalties.calls(rollout) if one.accepted}) > 1)
        found = read(written(rollout.nodes))
        return 0.1 * (bool(found.of("search")) and bool(found.of("python")))

    good = total(accuracy, bonus(term("several tools", several), accuracy))
    return gate(formed(strict(TOOL_STAR) if mode == "strict" else TOOL_STAR), good, -1.0)


def tool_star_math(accuracy: Term, mode: Mode = "code") -> Term:
    """0 for bad form, 1 where the accuracy is above 0.5, else 0.1 (04, the repository's variant for mathematics). `strict`: else 0."""
    form = formed(strict(TOOL_STAR) if mode == "strict" else TOOL_STAR)
    wrong = constant(0.1 if mode == "code" else 0.0, "wrong")
    return gate(form, gate(accuracy, constant(1.0, "right"), wrong, above=0.5), 0.0)


def deepeyes(accuracy: Term, mode: Mode = "code") -> Term:
    """0.8 acc + 0.2 fmt + 1.2 tool, fmt -1 or 0, tool 1 where a tool worked and acc > 0.5; an answer of 1,000 characters or more
    has accuracy 0 (08, code).

    The bonus is larger than the accuracy. `strict`: 0.2 instead of 1.2, and only where the result was used.
    """

    def worked(rollout: Rollout) -> float:
        return float(any(one.accepted for one in penalties.calls(rollout)))

    tool = term("tool", worked) if mode == "code" else tool_used("tool")
    held = _short(accuracy, 1000)
    form = formed(DEEPEYES, name="form", good=0.0, bad=-1.0)
    return total(0.8 * held, 0.2 * form, bonus(weighted(tool, 1.2 if mode == "code" else 0.2), held, above=0.5))


def deepeyes_math(accuracy: Term, mode: Mode = "code") -> Term:
    """1.2 acc + 0.4 fmt, fmt -1 or 0, more than one box being bad form: DeepEyes' items without tools (08, code)."""

    def look(rollout: Rollout) -> float:
        text = written(rollout.nodes)
        return -1.0 if faults(text, DEEPEYES) or text.count("\\boxed") > 1 else 0.0

    return total(1.2 * _short(accuracy, 1000), 0.4 * term("form", look))


def deepeyes_v2(accuracy: Term, mode: Mode = "code") -> Term:
    """0.8 acc (1 - 0.1 [searched]) + 0.2 fmt, fmt 1 or 0; an answer of 300 characters or more has accuracy 0 (56, code). No bonus
    for tools."""

    def searched(rollout: Rollout) -> float:
        return search_cost(sum("search" in one.call.name.lower() for one in penalties.calls(rollout)))

    return total(0.8 * product(_short(accuracy, 300), term("search cost", searched)), 0.2 * _form(formed(DEEPEYES_V2), 1.0, mode))


def _short(accuracy: Term, longest: int) -> Term:
    """The accuracy of answers that are short enough: a long one may hold everything."""

    def look(rollout: Rollout) -> float:
        answers = read(written(rollout.nodes), ("answer",)).of("answer")
        last = rollout.nodes[steps(rollout.nodes)[-1].at].message.text if steps(rollout.nodes) else ""
        return float(max((len(pair.inner) for pair in answers), default=len(last)) < longest)

    return product(accuracy, term("short answer", look))


def icrl(accuracy: Term, mode: Mode = "code") -> Term:
    """clip(0.8 acc + 0.2 fmt, 0, 1) with fmt by deductions (18, code; its scripts' a = 0.8)."""
    form = term("form", lambda rollout: deducted(written(rollout.nodes)))
    return clip(total(0.8 * accuracy, 0.2 * _form(form, 1.0, mode)), 0.0 if mode == "code" else -0.2, 1.0)


def tapo(accuracy: Term, mode: Mode = "code") -> Term:
    """-1 for bad form, else the accuracy; and minus the overlong penalty (2,048, 1,024) (22, code). No term for calls."""
    form = strict(TAPO) if mode == "strict" else TAPO
    return total(gate(formed(form), accuracy, -1.0, name="tapo"), not_overlong(2048, 1024))


def retool(accuracy: Term, mode: Mode = "code") -> Term:
    """+1 or -1 by the accuracy (above 0.5), and nothing else (23). `code`: verl's recipe, where failing late costs less."""

    def outcome(rollout: Rollout) -> float:
        turns = len(steps(rollout.nodes)) * 2
        return lenient(-1.0, turns) if mode == "code" else -1.0

    return gate(accuracy, constant(1.0, "right"), term("wrong", outcome), above=0.5)


def demystified(accuracy: Term, mode: Mode = "code") -> Term:
    """+1 or -1, failing late costs less, and minus the overlong penalty (20,480, 4,096) (54, code). `strict`: its outcome-only
    variant, without leniency."""
    return total(retool(accuracy, mode), not_overlong(20_480, 4_096))


def fission(accuracy: Term, mode: Mode = "code", *, budget: int = 2048, room: int = 1024) -> Term:
    """(w_fmt R_fmt + w_corr R_corr + R_len) / 3 (21); the weights' ends (1.5 to 0.5, 0.5 to 1.5), the budget and R_len's form are
    inferred. `strict`: form and length are paid only where something is right."""
    form = scheduled(formed(DEEPEYES_V2), linear(1.5, 0.5))
    right = scheduled(accuracy, linear(0.5, 1.5))
    length = term("length", lambda rollout: within(tokens(rollout), budget, room))
    parts = total(form, right, length) if mode == "code" else total(right, bonus(total(form, length), accuracy))
    return weighted(parts, 1 / 3)


def et_agent(accuracy: Term, mode: Mode = "code", *, sigma_calls: float = 0.2, sigma_length: float = 0.5) -> Term:
    """raw * f_tool * f_len + f_fmt, f_fmt -1 or 0; both sigmas fall to 0 while a stage lasts (36, code; the released scripts pass
    0 for both sigmas)."""
    decay = linear(1.0, 0.0)
    form = formed(strict(TOOL_STAR) if mode == "strict" else TOOL_STAR, good=0.0, bad=-1.0)
    return total(product(accuracy, fewer_calls(sigma_calls, weight=decay), shorter(sigma_length, weight=decay)), form)


def verltool(accuracy: Term, mode: Mode = "code") -> Term:
    """+1 or -1 by the accuracy (above 0.5) and every penalty of the library (30, code; there all are off by default). `strict`:
    more than ten answer tags quarter what was earned."""
    base = gate(accuracy, constant(1.0, "right"), -1.0, above=0.5, name="wrong")
    if mode == "strict":
        base = gate(base, product(base, penalties.answer_spam()), base, name="right")
    return total(base, *penalties.every())


def search_r1(accuracy: Term, mode: Mode = "code") -> Term:
    """The accuracy, a quarter of it for more than ten answer tags: Search-R1's manager in VerlTool (30, code)."""
    return product(accuracy, penalties.answer_spam())


def pixel_reasoner(accuracy: Term, mode: Mode = "code") -> Term:
    """acc + 0.5 [used a tool] max(0, 0.3 - the group's rate) + 0.05 min(1 - calls, 0): Pixel-Reasoner's manager in VerlTool (30,
    code). The first bonus is paid to wrong answers too; `strict`: only where something is right."""
    curious = penalties.curiosity() if mode == "code" else bonus(penalties.curiosity(), accuracy)
    return total(accuracy, curious, penalties.excess_calls())


COMPOSITIONS: Mapping[str, Composition] = MappingProxyType(
    {
        "deepeyes": deepeyes,
        "deepeyes_math": deepeyes_math,
        "deepeyes_v2": deepeyes_v2,
        "demystified": demystified,
        "et_agent": et_agent,
        "fission": fission,
        "icrl": icrl,
        "pixel_reasoner": pixel_reasoner,
        "retool": retool,
        "search_r1": search_r1,
        "tapo": tapo,
        "tool_star": tool_star,
        "tool_star_math": tool_star_math,
        "verltool": verltool,
    }
)


def composition(name: str, accuracy: Term, mode: Mode = "code") -> Term:
    """A published reward.

    Raises:
        ArtificerError: there is none of that name.
    """
    if name not in COMPOSITIONS:
        raise ArtificerError(f"there is no reward {name!r}.", remedy=f"use one of {', '.join(COMPOSITIONS)}")
    return COMPOSITIONS[name](accuracy, mode)


def from_data(data: object, terms: Mapping[str, Term], *, depth: int = 32) -> Term:
    """A composition from plain data (JSON or TOML): a name of `terms`, a number, or a table with one of

        {sum = [...]}  {product = [...]}  {gate = {when, then, otherwise, above}}  {clip = [part, low, high]}

    and, beside it, `weight` (a number, or `[start, end]` over training) and `name`.

    Raises:
        ArtificerError: it is none of these, or nested too deep.
    """
    if depth <= 0:
        raise ArtificerError("a reward is nested too deep.", remedy="name parts of it and put them among the terms")
    if isinstance(data, str):
        if data not in terms:
            raise ArtificerError(f"a reward names the term {data!r}, which does not exist.", remedy=f"use one of {', '.join(terms) or 'none'}")
        return terms[data]
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        return constant(float(data))
    if not isinstance(data, dict):
        raise ArtificerError(f"a reward cannot be made of {data!r}.", remedy="give a name, a number or a table")
    table = cast("dict[str, Any]", data)
    part = _table(table, lambda inner: from_data(inner, terms, depth=depth - 1))
    weight = table.get("weight", 1.0)
    if isinstance(weight, list):
        part = scheduled(part, linear(*_numbers(cast("list[Any]", weight), 2, "weight")))
    elif weight != 1.0:
        part = weighted(part, _numbers([weight], 1, "weight")[0])
    return named(part, str(table["name"])) if "name" in table else part


_KEYS = frozenset({"sum", "product", "gate", "clip", "term"})


def _table(table: Mapping[str, Any], inner: Callable[[Any], Term]) -> Term:
    kinds = sorted(_KEYS & frozenset(table))
    if len(kinds) != 1 or table.keys() - {*kinds, "weight", "name"}:
        raise ArtificerError(f"a reward's table has the keys {sorted(table)}.", remedy=f"give one of {sorted(_KEYS)}, and at most weight and name")
    kind = kinds[0]
    value = table[kind]
    if kind == "term":
        return inner(value)
    if kind == "gate" and isinstance(value, dict):
        gated = cast("dict[str, Any]", value)
        if {"when", "then"} <= gated.keys() <= {"when", "then", "otherwise", "above"}:
            above = _numbers([gated.get("above", 0.0)], 1, "above")[0]
            return gate(inner(gated["when"]), inner(gated["then"]), inner(gated.get("otherwise", 0.0)), above=above)
    if kind != "gate" and isinstance(value, list) and value:
        parts = cast("list[Any]", value)
        if kind == "clip":
            return clip(inner(parts[0]), *_numbers(parts[1:], 2, "clip"))
        return total(*map(inner, parts)) if kind == "sum" else product(*map(inner, parts))
    raise ArtificerError(f"a reward's {kind!r} cannot be read.", remedy="see docs/checks-rewards.md for its form")


def _numbers(values: list[Any], count: int, what: str) -> list[float]:
    if len(values) != count or not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        raise ArtificerError(f"a reward's {what!r} is {values!r}.", remedy=f"give {count} number{'s' if count > 1 else ''}")
    return [float(value) for value in values]
