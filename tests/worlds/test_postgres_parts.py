"""The parts of PostgreSQL worlds that need no server: addresses without secrets, expressions in SQLite's words."""

from __future__ import annotations

import sqlite3
import sys
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from artificer.core.errors import MissingExtra, SourceError
from artificer.worlds.base import World, without_password
from artificer.worlds.postgresql.address import read_address
from artificer.worlds.postgresql.expressions import Names, constant, translated
from artificer.worlds.postgresql.kinds import number, rounded

NAMES = Names({"a": "a", "status": "status", "Odd": "Odd", "price": "price", "born": "born", "active": "active"}, {}, frozenset({"mood"}))


@pytest.mark.parametrize(
    ("url", "shown", "settings"),
    [
        ("//me@db.example:5433/shop", "postgresql://me@db.example:5433/shop", {"user": "me", "host": "db.example", "port": "5433", "dbname": "shop"}),
        ("///shop", "postgresql:///shop", {"dbname": "shop"}),
        ("//localhost", "postgresql://localhost/", {"host": "localhost"}),
        ("//me@%2Frun%2FPg/shop", "postgresql://me@%2Frun%2FPg/shop", {"user": "me", "host": "/run/Pg", "dbname": "shop"}),
        ("///shop?host=/run/pg", "postgresql://%2Frun%2Fpg/shop", {"host": "/run/pg", "dbname": "shop"}),
        (
            "//me@[::1]/shop?sslmode=require",
            "postgresql://me@[::1]/shop?sslmode=require",
            {"user": "me", "host": "::1", "dbname": "shop", "sslmode": "require"},
        ),
        ("//m%40e@h/s%20h", "postgresql://m%40e@h/s%20h", {"user": "m@e", "host": "h", "dbname": "s h"}),
    ],
)
def test_addresses(url, shown, settings):
    address = read_address(url)
    assert (address.shown, address.settings, address.secret) == (shown, settings, "")
    assert read_address(address.shown.removeprefix("postgresql:")) == address


def test_a_password_may_be_referred_to():
    address = read_address("//me:${SHOP_PW}@h/shop")
    assert address.secret == "SHOP_PW"
    assert address.shown == "postgresql://me:${SHOP_PW}@h/shop"
    with pytest.raises(SourceError, match="the variable 'SHOP_PW' is not set"):
        address.password()


SECRETS = (
    "//me:{}@h/shop",
    "//me@h/shop?password={}",
    "//me:x/{}@h/shop",
    "//me:1?{}@h/shop",
    "//me:1#{}@h/shop",
    "//me:{}",
    "//me:4/{}@h/shop",
    "me:{}@h",
)


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=3, max_size=12).map(lambda text: f"hun{text}ter"), st.sampled_from(SECRETS)
)
@example("hun#ter", SECRETS[0])
def test_a_password_in_a_url_is_refused_and_never_repeated(secret, shape):
    for scheme in ("postgresql", "postgres", "enterprise:postgresql"):
        with pytest.raises(SourceError) as caught:
            World.of(f"{scheme}:{shape.format(secret)}", nothing="x") if scheme != "enterprise:postgresql" else World.of(
                f"{scheme}:{shape.format(secret)}"
            )
        shown: BaseException | None = caught.value
        while shown is not None:
            assert secret not in str(shown)
            shown = shown.__cause__


def test_other_messages_do_not_repeat_it_either():
    for source, options in (
        ("postgresqll://me:hunter2@h/d", {}),
        ("postgresql://me:hunter2@h/d | nothing:x=1", {}),
        ("postgresql://me:hunter2@h/d | faults:rate=much", {}),
        ("enterprise:postgresql://me:hunter2@h/d", {"no": "x"}),
        ("sqlite://me:hunter2@h/d", {"no": "x"}),
    ):
        with pytest.raises(SourceError) as caught:
            World.of(source, **options)
        assert "hunter2" not in str(caught.value)
    assert without_password("enterprise:postgresql://me:a@b@h/d x") == "enterprise:postgresql://me:***@h/d x"
    assert without_password("mcp:http://host:80/path") == "mcp:http://host:80/path"


@pytest.mark.parametrize(
    ("postgres", "sqlite"),
    [
        ("(price >= (0)::numeric)", '( "price" >= 0 )'),
        ("((status)::text = ANY ((ARRAY['new'::character varying, 'it''s'::character varying])::text[]))", "( \"status\" IN ( 'new' , 'it''s' ) )"),
        ("(a <> ALL (ARRAY[1, '-2'::integer]))", '( "a" NOT IN ( 1 , (-2) ) )'),
        ("(status ~~ 'A%b_'::text)", "( \"status\" GLOB 'A*b?' )"),
        ("(status !~~* 'a%'::text)", "( \"status\" NOT LIKE 'a%' )"),
        ("(born < '2020-01-01'::date)", "( \"born\" < '2020-01-01' )"),
        ('((char_length(btrim(status)) <= 5) OR ("Odd" IS NULL))', '( ( length ( trim ( "status" ) ) <= 5 ) OR ( "Odd" IS NULL ) )'),
        ("(active AND ('sad'::public.mood = 'sad'::mood))", "( \"active\" AND ( 'sad' = 'sad' ) )"),
        ("(NOT (active IS DISTINCT FROM true))", '( NOT ( "active" IS DISTINCT FROM TRUE ) )'),
        ("CASE WHEN (a > 0) THEN (price / (2)::numeric) ELSE NULL::numeric END", 'CASE WHEN ( "a" > 0 ) THEN ( "price" / 2 ) ELSE NULL END'),
        ("COALESCE(price, (0)::double precision)", 'coalesce ( "price" , 0 )'),
    ],
)
def test_expressions_that_mean_the_same(postgres, sqlite):
    assert translated(postgres, NAMES) == sqlite
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE TABLE t (a, status, Odd, price, born, active)")
        db.execute(f"SELECT {sqlite} FROM t").fetchall()
    db.close()


@pytest.mark.parametrize(
    "postgres",
    [
        "(status ~ '^[A-Z]'::text)",
        "(price > (a)::integer)",
        "(born > (now() - '1 year'::interval))",
        "(born < CURRENT_DATE)",
        "(date_part('year'::text, born) > 2000)",
        "(unknown > 1)",
        "(status ~~ '%[a]%'::text)",
        "(status ~~ 'a\\\\%'::text)",
        "(a = ANY (b))",
        "('x'::integer > a)",
        "((a)::text[] = '{}')",
        "(a ^ 2) > 1",
        "greatest(a, price) > 1",
        "a::",
        "(a = ANY (ARRAY[1, 2",
        "pg_catalog.length(status) > 1; DROP TABLE x",
        "(status = E'\\\\n')",
    ],
)
def test_expressions_that_might_not_are_left_out(postgres):
    assert translated(postgres, NAMES) is None


@given(st.text(max_size=40))
def test_any_text_is_translated_or_not_but_never_an_error(text):
    translated(text, NAMES)
    constant(text, NAMES)


@pytest.mark.parametrize(
    ("default", "sqlite"),
    [("'it''s'::text", "'it''s'"), ("0", "0"), ("'-5'::integer", "(-5)"), ("(-1.5)", "( - 1.5 )"), ("true", "TRUE"),
     ("NULL::character varying", "NULL"), ("now()", None), ("nextval('x'::regclass)", None), ("upper('x'::text)", None), ("(1 + 2)", None)],
)  # fmt: skip
def test_constants(default, sqlite):
    assert constant(default, NAMES) == sqlite


def test_numbers():
    table = [
        ("7.00", 7, False),
        ("0.1", 0.1, False),
        ("NaN", "NaN", False),
        ("1234567890.12345678901", 1234567890.1234567, True),
        ("12345678901234567890", 1.2345678901234567e19, True),
    ]
    assert [(number(Decimal(text)), rounded(Decimal(text))) for text, _, _ in table] == [(value, lost) for _, value, lost in table]
    assert number(None) is None


def test_without_the_driver_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"needs the optional part 'postgres'"):
        World.of("postgresql://h/d")
