"""A PostgreSQL server of the tests' own: a fresh cluster in a temporary folder, reached by a socket in it alone.

Servers refuse to run as root, so as root it runs as `nobody`. Without the server's programs there is no test that
could pass: `require` says what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

USER = "tester"


class Server:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str, user: str = USER) -> str:
        return f"postgresql://{user}@{quote(str(self.folder), safe='')}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True)

    def make(self, database: str, sql: str) -> str:
        """A new database with this content; its URL."""
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{database}"'.encode())
        with self.connect(database) as connection:
            connection.execute(sql.encode())
        return self.url(database)

    def rows(self, database: str, sql: str) -> list[tuple]:
        with self.connect(database) as connection:
            return connection.execute(sql.encode()).fetchall()


def programs() -> Path | None:
    """The folder of the server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    elsewhere = shutil.which("initdb")
    return found[-1].parent if found else Path(elsewhere).resolve().parent if elsewhere else None


@contextmanager
def running() -> Iterator[Server]:
    """A server that is stopped and removed afterwards."""
    bin_ = programs()
    if bin_ is None:
        raise RuntimeError("the tests of PostgreSQL worlds need a server: apt-get install postgresql (make postgres does it)")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    other = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    if other:
        shutil.chown(folder, "nobody", "nogroup")
    folder.chmod(0o755)
    data, log = folder / "data", folder / "log"

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, **other)
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr}{log.read_text() if log.exists() else ''}")

    run(f"{bin_}/initdb", "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    settings = f"-k {folder} -c listen_addresses='' -c fsync=off -c shared_buffers=16MB -c max_connections=30"
    try:
        # the server inherits what it is started with: pipes would be held open by it
        done = subprocess.run(
            [f"{bin_}/pg_ctl", "-D", str(data), "-w", "-l", str(log), "-o", settings, "start"], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **other,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"the server does not start: {log.read_text() if log.exists() else ''}")
        yield Server(folder)
    finally:
        subprocess.run([f"{bin_}/pg_ctl", "-D", str(data), "-m", "immediate", "stop"], cwd=folder, capture_output=True, **other)
        shutil.rmtree(folder, ignore_errors=True)
