from decimal import getcontext


class Exact:
    """A number of another library."""

    def __init__(self, value):
        self._value = value
        self.digits = 5

    def __repr__(self):
        return f"Exact({self._value!r})"

    def __float__(self):
        return float(self._value)


class Sums:
    def add(self, a, b):
        getcontext().prec = 2
        return {"result": Exact(a + b)}
