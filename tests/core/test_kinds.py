"""The tree of errors: one place for each kind, and the same words on disk as ever."""

import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artificer.core.kinds import ErrorGroup, ErrorKind, common, tree, within
from artificer.core.verdicts import CheckResult
from artificer.core.verdicts import ErrorKind as KindOfVerdicts


def test_every_kind_and_group_stands_in_the_tree_once_below_its_parent() -> None:
    places = tree()
    assert sorted(place for _, place in places) == sorted([*ErrorGroup, *ErrorKind])
    above: dict[int, object] = {}
    for depth, place in places:
        assert place.parent is above.get(depth - 1)
        assert len(place.ancestors) == depth
        above[depth] = place


def test_every_place_has_a_sentence_of_its_own_and_no_name_is_two_places() -> None:
    places = [place for _, place in tree()]
    assert len({place.says for place in places}) == len({place.value for place in places}) == len(places)


def test_groups_hold_kinds_and_sides_are_three() -> None:
    assert {kind.side for kind in ErrorKind} == {ErrorGroup.agent, ErrorGroup.user, ErrorGroup.world}
    assert {group for group in ErrorGroup if not any(within(kind, group) for kind in ErrorKind)} == set()
    assert ErrorKind.wrong_value.ancestors == (ErrorGroup.argument, ErrorGroup.agent, ErrorGroup.error)
    assert [kind for kind in ErrorKind if kind.side is ErrorGroup.world] == ["timeout", "transport", "bad_output", "internal"]


@pytest.mark.parametrize(
    ("kinds", "place"),
    [
        ((), ErrorGroup.error),
        ((ErrorKind.timeout,), ErrorKind.timeout),
        ((ErrorKind.timeout, ErrorKind.internal), ErrorGroup.world),
        ((ErrorKind.missing_argument, ErrorKind.wrong_value), ErrorGroup.argument),
        ((ErrorKind.unknown_tool, ErrorKind.wrong_value), ErrorGroup.agent),
        ((ErrorKind.unknown_tool, ErrorGroup.tool), ErrorGroup.tool),
        ((ErrorKind.unknown_tool, ErrorKind.leaked_id), ErrorGroup.error),
    ],
)
def test_the_narrowest_place_that_holds_several(kinds, place) -> None:
    assert common(kinds) is place


@given(st.lists(st.sampled_from(ErrorKind), min_size=1, max_size=5))
def test_a_common_place_holds_all_and_does_not_depend_on_order(kinds: list[ErrorKind]) -> None:
    place = common(kinds)
    assert place is common(kinds[::-1])
    assert all(kind is place or place in kind.ancestors for kind in kinds)


@given(st.sampled_from(ErrorKind))
def test_a_kind_survives_json_msgpack_and_pickle(kind: ErrorKind) -> None:
    found = CheckResult("c", 0.0, False, kinds=(kind,))
    assert msgspec.json.decode(msgspec.json.encode(found), type=CheckResult).kinds[0] is kind
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=CheckResult) == found
    assert pickle.loads(pickle.dumps(kind)) is kind
    assert ErrorKind(kind.value) is kind is KindOfVerdicts[kind.name]
