import datetime
import random
from copy import deepcopy

from .long_words import PADDING

FIRST = {"drawers": {}}


class Drawer:
    """A tree whose leaves point back."""

    def __init__(self, name, parent=None):
        self.name = name
        self.parent = parent
        self.inside = {}
        self._made = datetime.datetime.now()

    def __eq__(self, other):
        return isinstance(other, Drawer) and (self.name, self.inside, vars(self).get("notes")) == (other.name, other.inside, vars(other).get("notes"))


class Desk:
    def __init__(self):
        self._api_description = "a desk"

    def _load_scenario(self, scenario, long_context=False):
        first = deepcopy(FIRST)
        self.root = Drawer("desk")
        for name, notes in scenario.get("drawers", first["drawers"]).items():
            self.root.inside[name] = Drawer(name, self.root)
            self.root.inside[name].notes = [note + (PADDING if long_context else "") for note in notes]
        self.labels = set(scenario.get("labels", []))
        self.opened = None
        self._random = random.Random(scenario.get("random_seed", 7))

    def open_drawer(self, name):
        if name not in self.root.inside:
            return {"error": f"no drawer {name}"}
        self.opened = name
        return {"opened": name}

    def put_note(self, text, number=None):
        if self.opened is None:
            return {"error": "no drawer is open"}
        self.root.inside[self.opened].notes.append(text)
        self.labels.add(text.split()[0])
        return {"note": text, "receipt": self._random.randint(0, 10**9), "number": number}

    def list_labels(self):
        return list(self.labels)

    def get_day(self):
        return {"day": datetime.datetime.today().strftime("%Y-%m-%d")}

    def spill(self, times):
        self.labels.add("spilt")
        raise RuntimeError("coffee at 0x7f00")

    def half_done(self, text):
        self.labels.add(text)
        return {"error": "the pen broke"}
