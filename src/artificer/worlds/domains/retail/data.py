"""The shop's data, generated from a seed: people, goods, orders and what happened to them.

The result is a whole SQLite database as bytes, small because every session starts as a copy of it. Dates are counted
back from the world's fixed clock. Ids are opaque: no customer knows one.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import product
from random import Random

import apsw

from artificer.core.canon import canonical, rng
from artificer.worlds.domains.retail import vocabulary as words

CLOCK = "2026-03-16T10:00:00Z"
TODAY = date(2026, 3, 16)
USERS = 240
DEFAULT_SEED = 20260316

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_STATUSES = ("pending",) * 30 + ("processed",) * 10 + ("shipped",) * 13 + ("delivered",) * 39 + ("cancelled",) * 8


class _Ids:
    """Opaque ids that never repeat."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._taken: set[str] = set()

    def new(self, prefix: str) -> str:
        while True:
            name = prefix + "".join(self._random.choices("23456789" if prefix == "R-" else _ALPHABET, k=5))
            if name not in self._taken:
                self._taken.add(name)
                return name


class _Writer:
    """Fills one database; every method draws from the one random stream, in one fixed order."""

    def __init__(self, connection: apsw.Connection, random: Random) -> None:
        self.db = connection
        self.random = random
        self.ids = _Ids(random)
        self.shelf: list[list[tuple[str, int]]] = []
        """For each product its variants: (variant_id, price in cents)."""
        self.posts: set[tuple[str, str, str]] = set()

    def insert(self, table: str, *values: object) -> None:
        self.db.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(values))})", values)  # pyright: ignore[reportArgumentType]

    def goods(self) -> None:
        makers = self.random.sample(words.MAKERS, len(words.GOODS))
        for maker, (noun, category, axes, base) in zip(makers, words.GOODS, strict=True):
            product_id = self.ids.new("p_")
            self.insert("products", product_id, f"{maker} {noun}", category, int(self.random.random() < 0.1))
            choices = list(product(*axes.values()))
            kept = sorted(self.random.sample(range(len(choices)), min(len(choices), self.random.randint(6, 12))))
            shelf: list[tuple[str, int]] = []
            for index in kept:
                options = canonical(dict(zip(axes, choices[index]))).decode()
                price = base + 100 * self.random.randint(-4, 12) + self.random.choice((0, 50, 90))
                stock = 0 if self.random.random() < 0.15 else self.random.randint(2, 60)
                shelf.append((self.ids.new("v_"), price))
                self.insert("variants", shelf[-1][0], product_id, options, price, stock)
            self.shelf.append(shelf)

    def place(self) -> tuple[str, str, str]:
        street = f"{self.random.randint(1, 180)} {self.random.choice(words.STREETS)}"
        return street, self.random.choice(words.CITIES), f"{self.random.randint(10_000, 99_999)}"

    def customer(self) -> None:
        first, last = self.random.choice(words.FIRST_NAMES), self.random.choice(words.LAST_NAMES)
        user_id = self.ids.new("u_")
        mail = f"{first}.{last}{self.random.randint(10, 9999)}@{self.random.choice(words.MAIL_HOSTS)}".lower()
        self.insert("users", user_id, first, last, mail)
        places = self.addresses(user_id, first, last)
        methods = self.methods(user_id)
        recent: list[list[tuple[str, int]]] = []
        for _ in range(self.random.choice((2, 3, 3, 4, 4, 5))):
            self.order(user_id, places, methods, recent)

    def addresses(self, user_id: str, first: str, last: str) -> list[tuple[str, str, str]]:
        places: list[tuple[str, str, str]] = []
        for index, label in enumerate(self.random.sample(words.ADDRESS_LABELS, self.random.randint(1, 3))):
            place = self.place()
            while (first, last, place[2]) in self.posts:  # name and postcode must identify a customer
                place = self.place()
            self.posts.add((first, last, place[2]))
            places.append(place)
            self.insert("addresses", self.ids.new("a_"), user_id, label, *place, int(index == 0))
        return places

    def methods(self, user_id: str) -> list[str]:
        kinds = ["credit_card"] if self.random.random() < 0.75 else ["paypal"]
        kinds += [kind for kind, share in (("credit_card", 0.4), ("paypal", 0.45), ("gift_card", 0.45)) if self.random.random() < share]
        kinds = [kind for index, kind in enumerate(kinds) if kind == "credit_card" or kind not in kinds[:index]]
        ids: list[str] = []
        for kind in kinds:
            card = kind == "credit_card"
            brand = self.random.choice(words.CARD_BRANDS) if card else None
            last_four = f"{self.random.randint(1000, 9999)}" if card else None
            balance = self.random.randint(10, 400) * 100 if kind == "gift_card" else None
            name = self.ids.new("m_")
            self.insert("payment_methods", name, user_id, kind, brand, last_four, balance)
            if kind != "gift_card":
                ids.append(name)
        return ids

    def order(self, user_id: str, places: list[tuple[str, str, str]], methods: list[str], recent: list[list[tuple[str, int]]]) -> None:
        random = self.random
        status = random.choice(_STATUSES)
        placed, delivered = self._dates(status)
        order_id, payment_id = self.ids.new("R-"), random.choice(methods)
        place = random.choice(places) if random.random() < 0.85 else self.place()
        lines = self._basket(recent)
        total = sum(price for _, price in lines)
        sent = status in ("shipped", "delivered")
        carrier, tracking = (random.choice(words.CARRIERS), f"TK{random.randrange(10**8, 10**9)}") if sent else (None, None)
        changed = int(status == "pending" and random.random() < 0.25)
        reason = random.choice(words.CANCEL_REASONS) if status == "cancelled" else None
        arrived = delivered.isoformat() if delivered else None
        row = (order_id, user_id, status, placed.isoformat(), arrived, *place, payment_id, total, carrier, tracking, changed, reason)
        self.insert("orders", *row)
        items = [self.ids.new("i_") for _ in lines]
        for item_id, (variant_id, price) in zip(items, lines, strict=True):
            self.insert("order_items", item_id, order_id, variant_id, price)
        self.insert("payments", order_id, "charge", "order", payment_id, total, placed.isoformat())
        if status == "cancelled":
            booked = min(TODAY, placed + timedelta(days=1)).isoformat()
            self.insert("payments", order_id, "cancellation", "order", payment_id, -total, booked)
        if delivered and len(items) > 1 and random.random() < 0.2:
            asked = min(TODAY, delivered + timedelta(days=random.randint(1, 6))).isoformat()
            self.insert("returns", items[0], payment_id, asked)
            self.insert("payments", order_id, "return", items[0], payment_id, -lines[0][1], asked)

    def _dates(self, status: str) -> tuple[date, date | None]:
        """When an order was placed, and when it was delivered if it was."""
        random = self.random
        if status == "delivered":
            delivered = TODAY - timedelta(days=random.randint(1, 27) if random.random() < 0.6 else random.randint(34, 100))
            return delivered - timedelta(days=random.randint(3, 8)), delivered
        spans = {"pending": (0, 3), "processed": (1, 4), "shipped": (3, 8), "cancelled": (5, 90)}
        return TODAY - timedelta(days=random.randint(*spans[status])), None

    def _basket(self, recent: list[list[tuple[str, int]]]) -> list[tuple[str, int]]:
        """Lines of an order. Now and then something bought before, or two variants of one product: people do, and
        descriptions must cope."""
        random = self.random
        shelves = random.sample(self.shelf, random.choice((1, 2, 2, 3, 3, 4)))
        if recent and random.random() < 0.45:
            again = random.choice(recent)
            shelves = [again, *(shelf for shelf in shelves[1:] if shelf is not again)]
        recent += shelves
        lines = [random.choice(shelf) for shelf in shelves]
        if random.random() < 0.2:
            other = random.choice(shelves[0])
            if other != lines[0]:
                lines.append(other)
        return lines


@lru_cache(maxsize=8)
def build(seed: int = DEFAULT_SEED) -> bytes:
    """The shop's database for a seed, as the bytes of an SQLite file."""
    connection = apsw.Connection(":memory:")
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        connection.execute(files(__package__ or "").joinpath("schema.sql").read_text(encoding="utf-8"))
        writer = _Writer(connection, rng("retail", seed))
        writer.goods()
        for _ in range(USERS):
            writer.customer()
        connection.execute("COMMIT")
        connection.execute("VACUUM")
        return connection.serialize("main")
    finally:
        connection.close()
