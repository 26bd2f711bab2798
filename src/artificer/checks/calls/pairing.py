"""Which call made answers which call of the reference, and what is wrong with those left over: shared by presets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence

from artificer.checks.assign import assign
from artificer.checks.calls.base import CallFault, Expected
from artificer.checks.calls.plain import same_json, short
from artificer.checks.values import freeze
from artificer.core.canon import Json
from artificer.core.messages import ToolCall
from artificer.core.tools import ToolSpec
from artificer.core.verdicts import ErrorKind

_MOST = 60
"""How many calls of one tool are looked through for one that was made before."""
_WORK = 250_000
"""The most steps that one optimal pairing may take: rows x columns x the fewer of both."""

Same = Callable[[Json, Json], bool]


def argument_faults(call: ToolCall, wanted: Expected, same: Same) -> Iterator[tuple[ErrorKind, str, str]]:
    """(kind, argument, why) of all that is wrong with a call's arguments: given ones in their order, then missing ones."""
    for name, value in call.arguments.items():
        if name not in wanted.arguments:
            yield ErrorKind.extra_argument, name, f"{short(call.name)} takes no {short(name)} here"
        elif not any(same(value, right) for right in wanted.arguments[name]):
            yield ErrorKind.wrong_value, name, f"{short(name)} is {short(value)}, wanted {short(list(wanted.arguments[name]))}"
    for name in wanted.arguments:
        if name not in call.arguments and name not in wanted.optional:
            yield ErrorKind.missing_argument, name, f"{short(call.name)} lacks {short(name)}"


def pair_up(
    made: Sequence[ToolCall], expected: Sequence[Expected], same: Same, named: Callable[[str, str], bool] | None = None, *, ordered: bool = False
) -> list[tuple[int, int]]:
    """(call, expected) by index, one to one, in the order of calls: only calls of the right tool, as many as there are,
    with the fewest faults in their arguments, and among those as near in order as can be.

    Where one tool has so many calls on both sides that this would take too long (`_WORK`, about 63 each), those that are
    a reference's to the letter are paired first, and if too many are left these are paired in their order.

    Args:
        named: whether a call's name answers a reference's; by equality without it.
        ordered: whether, among the pairings with the fewest faults, the one with most right calls in order is wanted.
    """
    answers: dict[str, list[int]] = defaultdict(list)
    wanting: dict[str, list[int]] = defaultdict(list)
    # With names that stand for one another all calls are one group: they are few, since references are.
    for at, call in enumerate(made):
        answers[call.name if named is None else ""].append(at)
    for at, call in enumerate(expected):
        wanting[call.name if named is None else ""].append(at)
    right = named or _equal
    kept = _longest_common(made, expected, same, right) if ordered else frozenset[tuple[int, int]]()
    pairs: list[tuple[int, int]] = []
    for name, rows in answers.items():
        columns = wanting.get(name, [])
        if _heavy(rows, columns):
            equals = _to_the_letter(rows, columns, made, expected)
            pairs.extend(equals)
            taken, answered = {row for row, _ in equals}, {column for _, column in equals}
            rows, columns = [row for row in rows if row not in taken], [column for column in columns if column not in answered]
        if _heavy(rows, columns):
            pairs.extend(_in_order(rows, columns, made, expected, right))
            continue
        cost = [[_cost(made[row], expected[column], same, right) + _away(row, column, kept) for column in columns] for row in rows]
        pairs.extend((rows[at], columns[to]) for at, to in enumerate(assign(cost)) if to is not None)
    return sorted(pairs)


def _heavy(rows: Sequence[int], columns: Sequence[int]) -> bool:
    return len(rows) * len(columns) * min(len(rows), len(columns)) > _WORK


def _equal(given: str, wanted: str) -> bool:
    return given == wanted


def _cost(call: ToolCall, wanted: Expected, same: Same, named: Callable[[str, str], bool]) -> float:
    if not named(call.name, wanted.name):
        return float("inf")
    return float(sum(1 for _ in argument_faults(call, wanted, same)))


def _away(row: int, column: int, kept: Collection[tuple[int, int]]) -> float:
    """What decides between pairings with as many faults: all of a pairing's come to less than one fault."""
    off = min(abs(row - column), 1000) / 1_000_000
    return off if not kept else off / 1000 + (0.0 if (row, column) in kept else 0.001)


def _to_the_letter(rows: Sequence[int], columns: Sequence[int], made: Sequence[ToolCall], expected: Sequence[Expected]) -> list[tuple[int, int]]:
    """Calls paired with references that allow exactly them, each the first that is free: linear."""
    free: dict[Hashable, list[int]] = defaultdict(list)
    for row in reversed(rows):
        free[(made[row].name, freeze(made[row].arguments))].append(row)
    pairs: list[tuple[int, int]] = []
    for column in columns:
        wanted = expected[column]
        if all(len(values) == 1 for values in wanted.arguments.values()):
            alike = free.get((wanted.name, freeze({name: values[0] for name, values in wanted.arguments.items()})))
            if alike:
                pairs.append((alike.pop(), column))
    return pairs


def _longest_common(
    made: Sequence[ToolCall], expected: Sequence[Expected], same: Same, named: Callable[[str, str], bool]
) -> frozenset[tuple[int, int]]:
    """The most right calls that are in order: a longest common subsequence. None where it would take too long."""
    if not made or not expected or len(made) * len(expected) > _WORK:
        return frozenset()
    right = [[not _cost(call, wanted, same, named) for wanted in expected] for call in made]
    best = [[0] * (len(expected) + 1) for _ in range(len(made) + 1)]
    for row in range(len(made) - 1, -1, -1):
        for column in range(len(expected) - 1, -1, -1):
            skipped = max(best[row + 1][column], best[row][column + 1])
            best[row][column] = max(skipped, best[row + 1][column + 1] + 1 if right[row][column] else 0)
    kept: set[tuple[int, int]] = set()
    row = column = 0
    while row < len(made) and column < len(expected):
        if right[row][column] and best[row][column] == best[row + 1][column + 1] + 1:
            kept.add((row, column))
            row, column = row + 1, column + 1
        elif best[row + 1][column] >= best[row][column + 1]:
            row += 1
        else:
            column += 1
    return frozenset(kept)


def _in_order(
    rows: Sequence[int], columns: Sequence[int], made: Sequence[ToolCall], expected: Sequence[Expected], named: Callable[[str, str], bool]
) -> Iterator[tuple[int, int]]:
    by_name: dict[str, list[int]] = defaultdict(list)
    for row in reversed(rows):
        by_name[made[row].name].append(row)
    for column in columns:
        free = next((name for name in by_name if by_name[name] and named(name, expected[column].name)), None)
        if free is not None:
            yield by_name[free].pop(), column


def leftover_faults(
    made: Sequence[ToolCall], expected: Sequence[Expected], pairs: Sequence[tuple[int, int]], tools: Sequence[ToolSpec], source: str = ""
) -> tuple[CallFault, ...]:
    """What is wrong with calls and references that no pair holds: a made call in place of a wanted one is the wrong
    tool; one more is extra, needless where nothing was wanted, and a repetition where the same was made before."""
    taken, answered = {row for row, _ in pairs}, {column for _, column in pairs}
    extra = [at for at in range(len(made)) if at not in taken]
    missing = [at for at in range(len(expected)) if at not in answered]
    known = {tool.name for tool in tools}
    if not made and expected:
        return (CallFault(ErrorKind.no_call, f"no call was made; {len(expected)} wanted", expected=0, source=source),)
    faults: list[CallFault] = []
    first: dict[str, list[int]] = defaultdict(list)
    for at, call in enumerate(made[:10_000]):
        first[call.name].append(at)
    spare = iter(missing)
    for at in extra:
        call = made[at]
        before = first[call.name][:_MOST]
        wanted: int | None = None
        if tools and call.name not in known:
            wanted = next(spare, None)
            kind, why = ErrorKind.unknown_tool, f"there is no tool {short(call.name)}"
        elif any(other < at and same_json(made[other].arguments, call.arguments) for other in before):
            kind, why = ErrorKind.repetition, f"{short(call.name)} was called the same way before"
        elif not expected:
            kind, why = ErrorKind.needless_call, f"{short(call.name)} was called where no call was wanted"
        elif (wanted := next(spare, None)) is not None:
            kind, why = ErrorKind.wrong_tool, f"{short(call.name)} was called, wanted {short(expected[wanted].name)}"
        else:
            kind, why = ErrorKind.extra_call, f"{short(call.name)} is one call too many"
        faults.append(CallFault(kind, why, call=at, expected=wanted, source=source))
    faults.extend(CallFault(ErrorKind.missing_call, f"{short(expected[at].name)} was not called", expected=at, source=source) for at in spare)
    return tuple(faults)
