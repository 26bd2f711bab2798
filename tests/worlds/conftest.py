"""A PostgreSQL server for the tests of this folder, started when the first of them asks for it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres():
    spec = importlib.util.spec_from_file_location("pgserver", Path(__file__).with_name("pgserver.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.running() as server:
        yield server
