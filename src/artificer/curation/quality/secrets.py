"""Credentials in texts: those whose form says what they are, and random-looking values under telling names.

Every pattern is linear in the text: repeats are bounded, or followed by nothing that could make them retry. Each is
tried only when a literal piece of it stands in the text.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

_PATTERNS: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    ("private_key", ("PRIVATE KEY",), re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")),
    ("aws_key", ("AKIA", "ASIA"), re.compile(r"(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])")),
    (
        "github_token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        re.compile(r"(?<![A-Za-z0-9_])(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})"),
    ),
    ("sk_key", ("sk-",), re.compile(r"(?<![A-Za-z0-9_-])sk-[A-Za-z0-9_-]{20,255}")),
    (
        "slack_token",
        ("xox", "hooks.slack.com"),
        re.compile(
            r"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,255}|hooks\.slack\.com/services/T[A-Z0-9]{6,20}/B[A-Z0-9]{6,20}/[A-Za-z0-9]{16,64}"
        ),
    ),
    (
        "google_key",
        ("AIza", "GOCSPX-", "ya29."),
        re.compile(r"(?<![A-Za-z0-9_-])(?:AIza[A-Za-z0-9_-]{35}|GOCSPX-[A-Za-z0-9_-]{28}|ya29\.[A-Za-z0-9_-]{20,255})(?![A-Za-z0-9_-])"),
    ),
    ("stripe_key", ("_live_",), re.compile(r"(?<![A-Za-z0-9_])[srp]k_live_[A-Za-z0-9]{16,255}")),
    ("hub_token", ("hf_",), re.compile(r"(?<![A-Za-z0-9_])hf_[A-Za-z0-9]{34,40}(?![A-Za-z0-9])")),
    ("jwt", ("eyJ",), re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,2048}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{16,2048}")),
    ("url_password", ("://",), re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,20}://[^\s/:@\"'<>]{1,64}:[^\s/:@\"'<>]{3,128}@")),
)
_BY_PIECE = [(piece, rule, pattern) for rule, pieces, pattern in _PATTERNS for piece in pieces]
_NAMES = ("passw", "pwd", "secret", "token", "api_key", "apikey", "api-key", "api key", "access_key", "accesskey", "credential")
_ASSIGNED = re.compile(
    r"(?:password|passwd|passwort|pwd|secret|token|api[_ -]?key|access[_-]?key|credentials?)[a-z_]{0,12}[\"']?"
    r"(?:\s{0,3}[:=]{1,2}>?\s{0,3}|\s{1,3}is\s{1,3})"
    r"[\"'`]?([^\s\"'`,;<>(){}\[\]]{10,200})",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"example|sample|dummy|placeholder|redacted|changeme|your[_-]|x{5}|\*{3}|\.{3}|12345678|abcdefgh|0{8}|\$\{|test[_-]?(?:key|token)", re.I
)
_ENTROPY = 3.2
"""Bits a character from which a value looks random: of 16 random characters of base 64 nearly all have more, words hardly ever."""
MOST = 50
"""Findings of one rule in one text."""


def secrets(text: str) -> Iterator[tuple[str, str, bool]]:
    """Credentials in a text: the rule, the words themselves, and whether they are plainly a placeholder."""
    for rule, pattern in {rule: pattern for piece, rule, pattern in _BY_PIECE if piece in text}.items():
        for match in islice(pattern.finditer(text), MOST):
            if rule != "jwt" or _is_header(match[0]):
                yield rule, match[0], _PLACEHOLDER.search(match[0]) is not None
    folded = text.lower()
    if [name for name in _NAMES if name in folded]:
        known = 0
        for match in _ASSIGNED.finditer(text):
            if known < MOST and _random(match[1]) and _PLACEHOLDER.search(match[1]) is None:
                known += 1
                yield "assigned_secret", match[1], False


def _is_header(token: str) -> bool:
    """Whether a JSON Web Token's first part is a header: JSON that names an algorithm."""
    head = token.partition(".")[0]
    try:
        value = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "alg" in value


def entropy(text: str) -> float:
    """Shannon's entropy of a text's characters, in bits a character: -sum p log2 p."""
    size = len(text)
    return -sum(number / size * math.log2(number / size) for number in Counter(text).values())


def _random(value: str) -> bool:
    """Whether a value looks random: letters and digits mixed, and much entropy. Addresses, paths and names in code do not."""
    if "/" in value[:1] or "://" in value or not any(letter.isdigit() for letter in value) or not any(letter.isalpha() for letter in value):
        return False
    return entropy(value) >= _ENTROPY
