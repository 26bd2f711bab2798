"""End states of objects, and what must be kept."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artificer.checks.state.attributes import differing
from artificer.checks.state.kept import Kept
from artificer.checks.state.similarity import unchanged
from artificer.checks.state.snapshots import snapshots_of
from artificer.checks.suite import by_name
from artificer.core.errors import ArtificerError
from artificer.core.tasks import Constraint
from artificer.core.verdicts import ErrorKind
from artificer.worlds.base import World

MODULE = '''
class Phone:
    """A phone."""

    def __init__(self) -> None:
        self.wifi = False
        self.inbox = {"1": {"to": "Ann", "text": "hi"}}
        self._secret = 1

    def set_wifi(self, on: bool) -> str:
        """Turns wifi on or off."""
        self.wifi = on
        return "ok"

    def send(self, to: str, text: str) -> int:
        """Sends a message."""
        number = len(self.inbox) + 1
        self.inbox[str(number)] = {"to": to, "text": text}
        return number


class Clock:
    """A clock."""

    def __init__(self) -> None:
        self.alarms: list[str] = []

    def set_alarm(self, at: str) -> None:
        """Sets an alarm."""
        if not at:
            raise ValueError("say when")
        self.alarms.append(at)
'''
GOLD = {"Phone": {"wifi": True, "inbox": {"1": {"to": "Ann", "text": "hi"}}}, "Clock": {"alarms": ["7:00"]}}


def spoiled(*path, value=None, gone=False):
    out = copy.deepcopy(GOLD)
    at = out
    for step in path[:-1]:
        at = at[step]
    if gone:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return out


TABLE = [  # what was found; whether exact, partial, acebench strict, acebench code hold
    (GOLD, (True, True, True, True)),
    (spoiled("Phone", "wifi", value=False), (False, False, False, False)),
    (spoiled("Phone", "wifi", value=1), (False, False, False, True)),  # Python: 1 == True
    (spoiled("Phone", "extra", value=1), (False, True, False, False)),
    (spoiled("Phone", "wifi", gone=True), (False, False, False, True)),  # upstream looks at the attributes there are
    (spoiled("Phone", "inbox", "2", value={}), (False, True, True, True)),  # of a stated object only what is stated counts
    (spoiled("Phone", "inbox", "1", "text", value="ho"), (False, False, False, False)),
    (spoiled("Phone", "inbox", "1", "more", value=1), (False, True, False, False)),  # one level down, and equal from there on
    (spoiled("Phone", "inbox", "1", gone=True), (False, False, False, False)),
    (spoiled("Phone", "inbox", value=[]), (False, False, False, False)),
    (spoiled("Clock", gone=True), (False, False, False, False)),  # another number of classes
    (spoiled("Clock", "alarms", value=["7:00", "8:00"]), (False, False, False, False)),
    (spoiled("Third", value={}), (False, True, False, False)),
    ({"Phone": GOLD["Phone"], "Watch": GOLD["Clock"]}, (False, False, False, True)),  # what has no counterpart is passed over
]


@pytest.mark.parametrize(("found", "right"), TABLE)
def test_rules(found, right):
    rules = (("exact", "strict"), ("partial", "strict"), ("acebench", "strict"), ("acebench", "code"))
    assert tuple(not differing(found, GOLD, rule, mode) for rule, mode in rules) == right


def test_differences_say_where_and_what():
    found = {"Phone": {"wifi": None, "inbox": {"1": {"to": "Bob", "text": "hi"}, "2": {}}}, "Clock": {}}
    assert [(one.path, one.kind) for one in differing(found, GOLD)] == [
        ("Clock.alarms", ErrorKind.missing_effect),
        ("Phone.inbox.1.to", ErrorKind.wrong_value),
        ("Phone.inbox.2", ErrorKind.extra_effect),
        ("Phone.wifi", ErrorKind.wrong_value),
    ]
    assert differing(found, GOLD)[1].why == "expected 'Ann', found 'Bob'"


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text(max_size=3),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=2), part, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=2), st.dictionaries(st.text(max_size=2), VALUE, max_size=3), max_size=3)


@given(OBJECTS, OBJECTS)
@settings(max_examples=100, deadline=None)
def test_every_rule_holds_of_itself_and_the_order_of_names_does_not_count(found, wanted):
    for rule in ("exact", "partial", "acebench"):
        assert not differing(found, found, rule)
        flipped = {name: dict(reversed(part.items())) for name, part in reversed(found.items())}
        assert differing(flipped, wanted, rule) == differing(found, wanted, rule)
    assert bool(differing(found, wanted)) == bool(differing(wanted, found))
    if not differing(found, wanted):
        assert not differing(found, wanted, "partial")


def test_hostile_values():
    deep = {}
    for _ in range(100_000):
        deep = {"a": deep}
    big = {"A": {"x": deep, "y": "z" * 10_000_000, "n": float("nan"), "s": "\ud800"}}
    assert not differing(big, big)
    assert not differing(big, big, "acebench")
    for one in differing({"A": {"x": [deep], "y": "", "n": 0, "s": ""}}, big):
        assert len(one.why.encode()) < 1000
    for rule, mode in (("exact", "strict"), ("acebench", "code")):
        other = {"A": {**big["A"], "x": {"a": [deep]}}}
        assert differing(other, big, rule, mode)
    while deep:  # taken apart by hand: freeing it all at once would go as deep
        deep = deep.pop("a")


# in a world


@pytest.fixture
def phone(tmp_path):
    (tmp_path / "phones.py").write_text(MODULE)
    return World.of(f"python:{tmp_path / 'phones.py'}")


def stated(**arguments):
    return Constraint("attributes", arguments)


async def test_objects_of_a_python_world(phone, play, task):
    gold = {"Phone": {"wifi": True, "inbox": {"1": {"to": "Ann", "text": "hi"}}}, "Clock": {"alarms": []}}
    wanted = task(stated(classes=gold))
    (check,) = by_name(["attributes"])
    right = await check(await play(phone, wanted, "wifi on", ("set_wifi", {"on": True}), "done"))
    assert (right.passed, right.score, right.numbers) == (True, 1.0, {"differ": 0})
    wrong = await check(await play(phone, wanted, "wifi on", ("send", {"to": "Bob", "text": "x"}), "done"))
    assert wrong.evidence == ("Phone.inbox.2: found {'to': 'Bob', 'text': 'x'}, nothing is stated", "Phone.wifi: expected True, found False")
    assert wrong.kinds == (ErrorKind.extra_effect, ErrorKind.wrong_value)
    partly = task(stated(classes={"Phone": {"wifi": True}}, rule="partial"))
    assert (await check(await play(phone, partly, "wifi on", ("set_wifi", {"on": True}), ("set_alarm", {"at": "7"}), "done"))).passed
    failed = task(stated(classes=gold | {"Phone": {**gold["Phone"], "wifi": False}}))
    assert (await check(await play(phone, failed, "alarm", ("set_alarm", {"at": ""}), "sorry"))).passed, "a call that fails changes nothing"


async def test_rows_of_a_python_world_are_what_its_effects_change(phone, play, task):
    made = await play(phone, task(), "hi", ("set_wifi", {"on": True}), ("send", {"to": "Bob", "text": "x"}), ("set_alarm", {"at": "7"}), "ho")
    rebuilt = snapshots_of(made, await made.past.start(lambda session: session.rows()))
    for table, rows in (await made.past.end(lambda session: session.rows())).items():
        mine = rebuilt.rows(table, rebuilt.version(table, len(made.nodes) - 1))
        assert unchanged(mine, list(rows.values())), table


async def test_what_cannot_be_decided(shop, phone, play, task):
    (check,) = by_name(["attributes"])
    assert (await check(await play(phone, task(), "hi", "ho"))).evidence == ("the task states no attributes",)
    assert (await check(await play(shop, task(stated(classes={})), "hi", "ho"))).evidence == ("the world is not made of objects",)
    with pytest.raises(ArtificerError, match="cannot be read"):
        await check(await play(phone, task(stated(classes=[])), "hi", "ho"))


async def test_kept(shop, play, task):
    check = Kept()
    free = task(Constraint("kept", {"free": ["sale", "item"]}))
    sold = await play(shop, free, "a lamp", ("sell", {"item": 1}), "sold")
    assert (await check(sold)).passed
    one = await check(await play(shop, task(Constraint("kept", {"free": ["sale"]})), "a lamp", ("sell", {"item": 1}), "sold"))
    assert (one.passed, one.kinds, one.evidence) == (False, (ErrorKind.extra_effect,), ("not to be changed: update item[1]: stock = 2",))
    refused = task(Constraint("kept", {"writes": False}))
    undone = [("price", {"item": 1, "price": 1}), ("price", {"item": 1, "price": 9.5})]
    back = await check(await play(shop, refused, "make it cheap", *undone, "I am sorry, I may not."))
    assert (back.passed, back.kinds, back.numbers) == (False, (ErrorKind.policy_breach,), {"extra": 0, "writes": 2})
    asked = await play(shop, refused, "sell me a chair", ("look", {"item": 2}), ("sell", {"item": 2}), "None is left.")
    assert (await check(asked)).passed, "what is refused is no write, nor is a look"
    assert not (await check(await play(shop, task(), "hi", "ho"))).passed
