"""How people put what a schema says: names of tables and columns as words, values in phrases.

Every phrase carries its value verbatim. There are several for everything, because the grammar
(`synthesis/wording.py`) keeps some of them for testing only and never uses two of which one contains the other in the
same task.
"""

from __future__ import annotations

from collections.abc import Mapping

from artificer.core.canon import Json
from artificer.worlds.sqlite.names import article, plural
from artificer.worlds.sqlite.procedures import spoken

_NAME_COLUMNS = ("name", "title", "label", "username", "first_name", "last_name", "headline")


class Phrases:
    """Phrases for one schema. `labels` maps table and column names to what people call them (singular)."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels

    def label(self, name: str) -> str:
        return self._labels.get(name, name.replace("_", " "))

    def intent(self, verb: str, table: str, columns: list[str]) -> tuple[str, ...]:
        """Infinitive verb phrases for a kind of request, e.g. `change the unit price of a track`."""
        thing = article(self.label(table))
        if verb in ("list", "count"):
            parent = article(self.label(columns[0]))
            return _filled(
                _LISTS if verb == "list" else _COUNTS,
                thing=self.label(table),
                things=plural(self.label(table).replace(" ", "_")).replace("_", " "),
                parent=parent,
            )
        if verb == "read":
            via, _, column = columns[0].rpartition(".")
            what = f"{self.label(via)} {self.label(column)}" if via else self.label(column)
            return _filled(_READS, what=what, thing=thing)
        if verb == "update":
            return _filled(_UPDATES, what=" and the ".join(self.label(column) for column in columns), thing=thing)
        return _filled(_CREATES if verb == "create" else _DELETES, thing=thing, bare=self.label(table))

    def condition(self, table: str, column: str, value: Json, via: tuple[str, ...]) -> tuple[str, ...]:
        """A condition on the row meant (`via` empty) or on one it refers to through the columns `via`."""
        said, what = self.quoted(value), self.label(column)
        thing = self.label(via[-1]) if via else self.label(table)
        named = column.lower() in _NAME_COLUMNS and isinstance(value, str)
        if via:
            return _filled(_VIA_NAMED if named else _VIA, thing=thing, what=what, said=said)
        return _filled(_NAMED if named else _OWN, thing=thing, what=what, said=said)

    def setting(self, column: str, value: Json) -> tuple[str, ...]:
        """What a column is to become."""
        return _filled(_SETTINGS, what=self.label(column), said=self.quoted(value))

    def assigned(self, column: str, table: str, named: str, value: Json, via: tuple[str, ...]) -> tuple[str, ...]:
        """Which row a foreign key is to refer to, by one condition on that row (or, through `via`, on one further
        on)."""
        if via or named.lower() not in _NAME_COLUMNS:
            thing = self.label(via[-1]) if via else self.label(table)
            return _filled(_ASSIGNED_MORE, role=self.label(column), thing=thing, what=self.label(named), said=self.quoted(value))
        return _filled(_ASSIGNED, role=self.label(column), said=self.quoted(value))

    def quoted(self, value: Json) -> str:
        return f'"{value}"' if isinstance(value, str) and not _bare(value) else spoken(value)


def _bare(value: str) -> bool:
    """Whether text is said without quotation marks: dates, e-mail addresses, numbers, single codes with digits or
    signs."""
    return " " not in value and any(not char.isalpha() for char in value)


def _filled(shapes: tuple[str, ...], **words: str) -> tuple[str, ...]:
    if "thing" in words:
        words["a_thing"] = article(words["thing"])
    return tuple(shape.format(**words) for shape in shapes)


_UPDATES = (
    "change the {what} of {thing}",
    "update the {what} of {thing}",
    "correct the {what} on record for {thing}",
    "edit the {what} of {thing}",
    "fix the {what} of {thing}",
    "set a different {what} for {thing}",
    "get the {what} of {thing} changed",
    "have a new {what} entered for {thing}",
    "revise the {what} we hold for {thing}",
    "adjust the {what} of {thing}",
)
_CREATES = (
    "add {thing}",
    "create {thing}",
    "register a new {bare}",
    "enter a new {bare}",
    "put a new {bare} into the system",
    "have a new {bare} set up",
    "record a new {bare}",
    "get a new {bare} added",
    "make a new {bare} entry",
    "file a new {bare}",
)
_DELETES = (
    "delete {thing}",
    "remove {thing}",
    "get rid of {thing}",
    "have {thing} deleted",
    "take {thing} out of the system",
    "erase {thing}",
    "drop {thing} from the records",
    "clear {thing} from the database",
    "have {thing} removed for good",
    "strike {thing} off the list",
)
_READS = (
    "know the {what} of {thing}",
    "find out the {what} of {thing}",
    "look up the {what} of {thing}",
    "check the {what} of {thing}",
    "see what the {what} of {thing} is",
    "get the {what} for {thing}",
    "learn what {what} we have for {thing}",
    "be told the {what} of {thing}",
    "verify the {what} recorded for {thing}",
    "hear the {what} of {thing}",
)
_LISTS = (
    "see which {things} belong to {parent}",
    "get a list of the {things} of {parent}",
    "know all the {things} of {parent}",
    "list the {things} under {parent}",
    "find out which {things} {parent} has",
    "go through the {things} of {parent}",
    "have the {things} of {parent} read out",
    "look at every {thing} of {parent}",
    "hear what {things} there are for {parent}",
)
_COUNTS = (
    "know how many {things} {parent} has",
    "find out how many {things} belong to {parent}",
    "count the {things} of {parent}",
    "get the number of {things} for {parent}",
    "check how many {things} there are for {parent}",
    "see how many {things} {parent} has got",
    "have the {things} of {parent} counted",
    "learn the number of {things} under {parent}",
    "be told how many {things} we hold for {parent}",
)
_NAMED = (
    "the {thing} called {said}",
    "the {thing} named {said}",
    "{thing} {what} {said}",
    "{a_thing} by the name of {said}",
    "it goes by {said}",
    "the {what} is {said}",
    "its {what} reads {said}",
    "{said} is the {thing} I mean",
)
_OWN = (
    "with {said} as its {what}",
    "whose {what} is {said}",
    "its {what} is {said}",
    "the one with {what} {said}",
    "{what}: {said}",
    "where the {what} is {said}",
    "the {what} on it says {said}",
    "showing {said} as the {what}",
)
_VIA_NAMED = (
    "belonging to the {thing} {said}",
    "the {thing} is {said}",
    "under the {thing} called {said}",
    "linked to the {thing} {said}",
    "{said} is its {thing}",
    "the one that has {said} as {thing}",
    "its {thing} goes by {said}",
    "filed under {thing} {said}",
)
_VIA = (
    "the {thing} has {said} as its {what}",
    "the {what} of the {thing} is {said}",
    "its {thing} shows the {what} {said}",
    "through {a_thing} with {what} {said}",
    "the {thing} there has {what} {said}",
    "for the {thing} the {what} is {said}",
    "by {thing}, {what} {said}",
)
_SETTINGS = (
    "the new {what} is {said}",
    "the {what} should be {said}",
    "make the {what} {said}",
    "use {said} as the {what}",
    "set the {what} to {said}",
    "{what} should read {said}",
    "I want {said} for the {what}",
    "put {said} down as the {what}",
    "{said} is to be the {what}",
)
_ASSIGNED = (
    "the {role} should be {said}",
    "put {said} as the {role}",
    "assign the {role} {said}",
    "for the {role} take {said}",
    "make {said} the {role}",
    "use {said} for the {role}",
    "the right {role} is {said}",
    "{role} to be entered: {said}",
)
_ASSIGNED_MORE = (
    "for the new {role}, the {what} of the {thing} is {said}",
    "the {role} I mean has the {thing} {what} {said}",
    "the new {role} is the one with {thing} {what} {said}",
    "as {role} take the one whose {thing} {what} is {said}",
    "the {role} to use shows {said} as {thing} {what}",
    "pick the {role} that has {thing} {what} {said}",
)
