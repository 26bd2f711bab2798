"""BM25 over short documents, in plain Python: an inverted index that documents can be added to and removed from at any time.

The score of document d for a query q, as Lucene computes it since version 8 (Robertson and Zaragoza 2009; Lucene's idf, which is never negative,
and without the constant factor k1 + 1, which changes no order):

    score(d, q) = sum over terms t of q of   n(t, q) * idf(t) * f(t, d) / (f(t, d) + k1 * (1 - b + b * |d| / avg))
    idf(t)      = ln(1 + (N - df(t) + 0.5) / (df(t) + 0.5))

with n(t, q) and f(t, d) how often the query and the document have t, df(t) how many documents have it, N the number of documents, |d| the document's
length in terms, avg the mean length.

Documents with equal scores stand in the order of their keys, so a ranking depends on what the index holds and never on the order in which it came.
The k best are found without scoring everything: terms are taken from the weightiest on, and once the rest together cannot lift a new document into
the k best, only documents already met are scored further (Turtle and Flood 1995). Pruning changes no score and no rank.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from heapq import nlargest
from math import log

from msgspec import Struct

from artificer.core.errors import ArtificerError

K1 = 1.2
B = 0.75
_SLACK = 1 + 1e-9
"""Sums of floats in another order may differ in the last places: bounds are widened by this factor."""


class Scored(Struct, frozen=True, order=True):
    """A document and its score."""

    key: str
    score: float


class _Weights(Struct):
    """A term's share of the score of each document that has it, in the order of its postings; and the largest of them."""

    shares: array[float]
    most: float


class _Asked(Struct):
    """A word of a query, with how often the query has it."""

    word: str
    count: int
    postings: array[int]
    weights: _Weights


class Index:
    """See the module docstring.

    Args:
        k1: how soon repeating a term stops paying.
        b: how far long documents are discounted, 0 to 1.
    """

    def __init__(self, k1: float = K1, b: float = B) -> None:
        if not (k1 >= 0 and 0 <= b <= 1):
            raise ArtificerError(f"k1={k1!r}, b={b!r} are no parameters of BM25", remedy="let k1 be at least 0, and b lie between 0 and 1")
        self.k1 = k1
        self.b = b
        self.ids: dict[str, int] = {}
        self.postings: list[array[int]] = []
        """By term: the numbers of the documents that have it, ascending."""
        self.counts: list[array[int]] = []
        """By term, aligned with `postings`: how often they have it."""
        self.keys: list[str | None] = []
        """By document number; None where a document was removed."""
        self.lengths: array[int] = array("I")
        self.terms: list[array[int]] = []
        """By document number: the ids of its terms."""
        self.numbers: dict[str, int] = {}
        self.total = 0
        self._norms: list[float] = []
        self._weights: dict[int, _Weights] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def __contains__(self, key: object) -> bool:
        return key in self.numbers

    def add(self, key: str, words: Iterable[str]) -> None:
        """Adds a document.

        Raises:
            ArtificerError: the key is taken.
        """
        if key in self.numbers:
            raise ArtificerError(f"{key!r} is in the index already", remedy="remove it first")
        number = self.numbers[key] = len(self.keys)
        counted = Counter(words)
        terms: array[int] = array("I")
        for word, count in counted.items():
            term = self.ids.setdefault(word, len(self.postings))
            if term == len(self.postings):
                self.postings.append(array("I"))
                self.counts.append(array("H"))
            self.postings[term].append(number)
            self.counts[term].append(min(count, 65535))
            terms.append(term)
        length = sum(counted.values())
        self.keys.append(key)
        self.lengths.append(length)
        self.terms.append(terms)
        self.total += length
        self._forget()

    def remove(self, key: str) -> None:
        """Removes a document; what is left scores as if it had never been there.

        Raises:
            ArtificerError: there is no such document.
        """
        if key not in self.numbers:
            raise ArtificerError(f"{key!r} is not in the index")
        number = self.numbers.pop(key)
        for term in self.terms[number]:
            at = bisect_left(self.postings[term], number)
            del self.postings[term][at]
            del self.counts[term][at]
        self.total -= self.lengths[number]
        self.keys[number] = None
        self.terms[number] = array("I")
        self.lengths[number] = 0
        if len(self.keys) > 2 * len(self.numbers) + 1024:
            self._compact()
        self._forget()

    def _forget(self) -> None:
        if self._norms:
            self._norms = []
            self._weights = {}

    def _weighed(self, term: int) -> _Weights:
        """A term's weights, computed when they are first asked for after a change."""
        found = self._weights.get(term)
        if found is None:
            if not self._norms:
                mean = self.total / len(self.numbers) or 1.0
                flat, slope = self.k1 * (1 - self.b), self.k1 * self.b / mean
                self._norms = [flat + slope * length for length in self.lengths]
            norms, have = self._norms, len(self.postings[term])
            idf = log(1 + (len(self.numbers) - have + 0.5) / (have + 0.5))
            pairs = zip(self.postings[term], self.counts[term], strict=True)
            shares = array("d", [idf * (count / (count + norms[number])) for number, count in pairs])
            found = self._weights[term] = _Weights(shares, max(shares))
        return found

    def search(self, words: Iterable[str], k: int | None = 10, among: Container[str] | None = None) -> list[Scored]:
        """The k documents with the highest scores, best first; those that share no word with the query are not among them.

        Args:
            words: the query.
            k: how many at most; None for all.
            among: keys that may be returned; None for all. Scores are those of the whole index.
        """
        if k is not None and k < 1:
            return []
        asked: list[_Asked] = []
        for word, count in Counter(words).items():
            term = self.ids.get(word)
            if term is not None and self.postings[term]:
                asked.append(_Asked(word, count, self.postings[term], self._weighed(term)))
        asked.sort(key=lambda term: (-term.count * term.weights.most, term.word))  # by the word, not its id: ids depend on history
        best = self._accumulate(asked, k, among)
        named = ((self.keys[number] or "", score) for number, score in best.items())
        if k is None or len(best) <= k:
            return [Scored(key, score) for key, score in sorted(named, key=lambda item: (-item[1], item[0]))]
        least = _least(best, k)
        close = sorted((item for item in named if item[1] >= least), key=lambda item: (-item[1], item[0]))
        return [Scored(key, score) for key, score in close[:k]]

    def _accumulate(self, asked: Sequence[_Asked], k: int | None, among: Container[str] | None) -> dict[int, float]:
        """Scores by document number: of all that have a term, or with `k` of at least the k best of them."""
        best: dict[int, float] = {}
        rest = sum(term.count * term.weights.most for term in asked) * _SLACK
        ahead = sum(len(term.postings) for term in asked)
        pruning = False
        for term in asked:
            if k is not None and not pruning and len(best) >= k and ahead > len(best):  # else looking costs more than it can save
                pruning = _least(best, k) > rest
            ahead -= len(term.postings)
            if pruning and k is not None:
                best = _lifted(best, term, _least(best, k) - rest)
            else:
                self._spread(best, term, among)
            rest -= term.count * term.weights.most
        return best

    def _spread(self, best: dict[int, float], term: _Asked, among: Container[str] | None) -> None:
        """Adds a term's shares to every document that has it."""
        shares: Iterable[float] = term.weights.shares
        if term.count > 1:
            shares = [term.count * share for share in shares]
        pairs = zip(term.postings, shares, strict=True)
        if among is not None:
            keys = self.keys
            pairs = [(number, share) for number, share in pairs if number in best or (keys[number] or "") in among]
        if not best:
            best.update(pairs)
            return
        held = best.get
        for number, share in pairs:
            best[number] = held(number, 0.0) + share

    def _compact(self) -> None:
        """Gives the documents new numbers, without those of removed ones, in the same order."""
        alive = [number for number, key in enumerate(self.keys) if key is not None]
        renumbered = {number: new for new, number in enumerate(alive)}
        self.postings = [array("I", [renumbered[number] for number in numbers]) for numbers in self.postings]
        self.keys = [self.keys[number] for number in alive]
        self.lengths = array("I", [self.lengths[number] for number in alive])
        self.terms = [self.terms[number] for number in alive]
        self.numbers = {key: number for number, key in enumerate(self.keys) if key is not None}


def _least(best: dict[int, float], k: int) -> float:
    """The k-th best score so far."""
    return nlargest(k, best.values())[-1]


def _lifted(best: dict[int, float], term: _Asked, least: float) -> dict[int, float]:
    """The documents that can still be among the best, those at `least` or more, with a term's share added where they have it."""
    kept: dict[int, float] = {}
    postings, shares, end = term.postings, term.weights.shares, len(term.postings)
    for number, score in best.items():
        if score >= least:
            at = bisect_left(postings, number)
            kept[number] = score + term.count * shares[at] if at < end and postings[at] == number else score
    return kept
