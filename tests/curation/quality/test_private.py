"""Personal data and secrets: what is one, what looks like one, and that evidence never shows it."""

from __future__ import annotations

import html
import random
import string
from collections import Counter
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.curation.quality.building import GOOD, calls, item, result, says, user

from artificer.core.tools import ToolSpec
from artificer.curation.quality import numbers
from artificer.curation.quality.counting import Counting
from artificer.curation.quality.markdown import markdown
from artificer.curation.quality.private import Mask, private
from artificer.curation.quality.secrets import entropy, secrets
from artificer.curation.quality.thresholds import judged, thresholds
from artificer.formats.account import Account
from artificer.studio.card import card_page

B = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF2gH4"
KEYS = [
    ("private_key", "-----BEGIN RSA PRIVATE KEY-----"),
    ("private_key", "-----BEGIN PRIVATE KEY-----"),
    ("aws_key", "AKIA" + "Z7QW3ERT9UIOPLKJ"),
    ("github_token", B),
    ("github_token", "github_pat_" + "11QZ7WERT0kLmPdSgWnJxL_mYoPqRsTuVwKyZ"),
    ("sk_key", "sk-" + "proj-a8Fk2LmQ9ZxT4vBn7RcY"),
    ("slack_token", "xoxb-" + "2348971234-9812374981-kLmPdSgWnJxL"),
    ("slack_token", "https://hooks.slack.com/" + "services/T0AB12CD3/B0EF45GH6/kLmPdSgWnJxLmYoPqRsTuVwX"),
    ("google_key", "AIza" + "SyD4k9Lm2Qx7Zv1Bn6Rc3Yt8Uw5Ea0Gf2Hj"),
    ("stripe_key", "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"),
    ("hub_token", "hf_" + "kLmPdSgWnJxLmYoPqRsTuVwXyZkLmPdSgW"),
    ("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"),
    ("url_password", "postgres://admin:hunter22@db.internal:5432/shop"),
    ("assigned_secret", 'password = "tr0ub4dor&3x9Q"'),
    ("assigned_secret", "api_key: 9f8e7d6c5b4a39281706"),
]


@pytest.mark.parametrize(("rule", "text"), KEYS)
def test_secrets(rule, text):
    found = list(secrets(f"Look:\n{text}\nthere."))
    assert [one[0] for one in found] == [rule]
    assert not found[0][2]


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn is a library", "the token is invalid and was revoked", "password: ********", "api_key=YOUR_API_KEY_HERE", "token: ${TOKEN_1}",
        "password = input('Password: ')", "secret_santa_2024 = list_of_names", "AKIA", "eyJub3QiOiJhIn0.eyJ4Ijoxfeee.aaaaaaaaaaaaaaaaaaaa",
        "https://example.com:8080/a@b", "-----BEGIN PUBLIC KEY-----", "max_tokens: 4096", "token_count=123456789012",
    ],
)  # fmt: skip
def test_what_is_no_secret(text):
    assert list(secrets(text)) == []


def test_placeholders_are_notes():
    assert [one[2] for one in secrets("AKIAIOSFODNN7EXAMPLE")] == [True]


PEOPLE = [
    ("email", "write to jane.doe+x@firma-mueller.de.", False),
    ("email", "john@example.com", True),
    ("email", "a@shop.example", True),
    ("phone", "call +49 30 901820 now", False),
    ("phone", "(415) 867-5309", False),
    ("phone", "415-867-5309", False),
    ("phone", "+1 202-555-0143", True),
    ("phone", "030 901 8200", False),
    ("iban", "DE89 3704 0044 0532 0130 00", False),
    ("iban", "GB82WEST12345698765432", False),
    ("card_number", "4539 1488 0343 6467", False),
    ("card_number", "4111111111111111", True),
    ("card_number", "3782 822463 10005", True),
    ("ip_address", "from 81.2.69.142 today", False),
    ("ip_address", "10.0.0.1", True),
    ("ip_address", "2a00:1450:4001:81b::200e", False),
    ("ip_address", "2001:db8::1", True),
    ("national_id", "CPF 529.982.247-25", False),
    ("national_id", "DNI 12345678Z", False),
    ("national_id", "X1234567L", False),
    ("national_id", "44051401359", False),
    ("national_id", "11010519491231002X", False),
    ("national_id", "811228-9874", False),
    ("national_id", "1 84 12 76 451 089 46", False),
    ("national_id", "943 476 5919", False),
    ("national_id", "RSSMRA85T10A562S", False),
    ("national_id", "131052-308T", False),
    ("national_id", "SSN 536-90-4399", False),
    ("national_id", "123-45-6789", True),
]


@pytest.mark.parametrize(("rule", "text", "made_up"), PEOPLE)
def test_people(rule, text, made_up):
    found = list(private(text))
    assert [(one[0], one[2]) for one in found] == [(rule, made_up)]


@pytest.mark.parametrize(
    "text",
    [
        "order 4539148803436468", "2024-05-06 10:30:00", "version 1.2.3", "1.2.3.4.5", "3.14159 26535", "at 10:30:45", "DE89370400440532013001",
        "52998224726", "user@localhost", "@handle", "a@b", "1700000000000", "000-12-3456", "price 1,234.50", "2024-05-06T10:30:00Z", "12 34 56",
        "300.300.300.300", "std::vector<int>", "a::b", "44051401358", "order #943476591", "v10.20.30.40-beta",
    ],
)  # fmt: skip
def test_what_is_nobodys(text):
    assert list(private(text)) == []


def test_checksums_against_their_own_rules():
    assert numbers.aadhaar("234123412346")
    assert not numbers.aadhaar("234123412347")
    right = [digit for digit in string.digits if numbers.luhn("7992739871" + digit)]
    assert right == ["3"]
    for check in (numbers.cpf, numbers.nhs):
        size = 11 if check is numbers.cpf else 10
        rng = random.Random(1)
        share = sum(check("".join(rng.choices(string.digits, k=size))) for _ in range(20_000)) / 20_000
        assert share < (0.02 if check is numbers.cpf else 0.11)


@given(st.dates(date(1900, 1, 1), date(1999, 12, 31)), st.integers(0, 9999))
def test_a_pesel_is_right_for_one_digit_in_ten(born, serial):
    front = f"{born:%y%m%d}{serial:04}"
    assert sum(numbers.pesel(front + digit) for digit in string.digits) == 1


def test_entropy():
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2


def test_evidence_shows_none_of_it():
    texts = [text for _, text in KEYS] + [text for _, text, _ in PEOPLE]
    found = []
    counting = Counting()
    for text in texts:
        said = (
            user(text),
            calls(("a", "find", {"id": text, "x": [text]}), ("b", "drop", {"why": text})),
            result("a", {"k": text}),
            result("b", text),
            says(text),
        )
        found += counting.add(item(*said))
    card = counting.card("x", "chat", Account(rows_in=len(texts)), {})
    written = msgspec.json.encode([found, card]).decode()
    for text in texts:
        for _, words, *_ in (*secrets(text), *private(text)):
            assert words not in written
            assert words[4:] not in written
    assert {one.rule for one in found} > {rule for rule, _ in KEYS} | {rule for rule, _, _ in PEOPLE}


LONG = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"


@pytest.mark.parametrize(
    "secret", ["ghp_a8F3kQ9zT2mWx7LbN4vRc6YdHs1PjUeG5oKi", "jane.roe@firma-roe.de", LONG, f"login {LONG}", f"x{'é' * 60} {LONG}"]
)
def test_names_show_none_of_it(tmp_path, secret):
    tool = ToolSpec(secret, "It.", {"type": "object", "required": 7})
    told = item(user(), calls(("a", secret, {}), ("a", secret, {"$text": "{"})), result(), tools=(tool,), name=secret, lineage={"source": secret})
    likely = item(user(" ".join(map(str, range(90)))), calls(("a", "other", {"x": 1})), name=secret, lineage={"extra": {"license": secret}})
    counting = Counting(near=True)
    found = [one for number, trace in enumerate((told, likely, likely, told)) for one in counting.add(trace, str(number))]
    card = judged(counting.card("x", "chat", Account(rows_in=4, dropped=Counter({f"no {secret!r}": 1})), {}), thresholds())
    word = next(iter(secrets(secret)), (0, secret))[1]
    for text in (msgspec.json.encode([found, card]).decode(), markdown(card), card_page(card)):
        assert word not in html.unescape(text.replace("\\", ""))
        assert word[:40] not in html.unescape(text.replace("\\", ""))
    assert {one.rule for one in found} >= {"jwt" if LONG in secret else "email" if "@" in secret else "github_token", "tool_schema", "duplicate"}


def test_a_card_number_in_a_secret_is_told_once():
    assert [one.rule for one in Counting().add(item(user("token: a4539148803436467b"), *GOOD[1:])) if one.at == 0] == ["assigned_secret"]


def test_masking_of_what_was_cut():
    secret = "tr0ub4dor&3x9Q"
    assert secret[:6] not in Mask({secret})("x" * 394 + secret[:6])
    assert Mask({'a"b1'})('{"k": "a\\"b1"}') == '{"k": "a"… (4 characters)"}'


@given(st.text(max_size=200))
def test_masking_never_fails(text):
    assert isinstance(Mask(())(text), str)


def test_dates_are_no_phones():
    day = date(2020, 1, 1)
    for _ in range(400):
        for written in (f"{day:%Y-%m-%d}", f"{day:%d.%m.%Y}", f"{day:%d-%m-%Y}", f"{day:%Y-%m-%d} 10:20"):
            assert list(private(written)) == [], written
        day += timedelta(days=7)
