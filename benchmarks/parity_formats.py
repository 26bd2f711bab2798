"""What we write as ATIF and ADP, validated by the models of those who made the formats.

    python benchmarks/parity_formats.py [--site FOLDER] [--adp CLONE] [--n 500]

ATIF: the Pydantic models in the `harbor` wheel (installed without its dependencies; only the models are loaded). ADP has no package: with `--adp` the
models of a clone of neulab/agent-data-protocol are used; the link rules are checked by ours in any case. Traces are drawn by the tests' strategies:
trees, parallel calls, errors, images, empty contents, Unicode. Exits 1 when anything is refused.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import types
import zipfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.formats.strategies import items

from artificer.formats import adp, format_named
from artificer.formats.account import Account
from artificer.formats.convert import render

HARBOR = "harbor==0.26.0"


def install(site):
    """The wheel alone, also where it asks for a newer Python: its models run on ours."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--python-version", "3.12"]
    subprocess.run([*pip, "--only-binary=:all:", "-d", str(site), HARBOR], check=True)
    for wheel in Path(site).glob("harbor-*.whl"):
        zipfile.ZipFile(wheel).extractall(site)


def trajectory_model(site):
    for name in ("harbor", "harbor.models"):  # their __init__ would load the whole package
        module = types.ModuleType(name)
        module.__path__ = [str(Path(site, *name.split(".")))]
        sys.modules[name] = module
    from harbor.models.trajectories import Trajectory

    return Trajectory


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--site")
    parser.add_argument("--adp")
    parser.add_argument("--n", type=int, default=500)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = asked.site or folder
        if not asked.site:
            install(site)
        atif_model, adp_model = trajectory_model(site), None
        if asked.adp:
            sys.path.insert(0, asked.adp)
            from schema.trajectory import Trajectory as adp_model
        counted = {"atif": 0, "adp": 0}

        @given(items(tree=True))
        @settings(max_examples=asked.n, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def validated(item):
            for row in render([item], format_named("atif"), Account()):
                atif_model.model_validate_json(row)
                counted["atif"] += 1
            for row in render([item], format_named("adp"), Account()):
                assert adp.problems(json.loads(row)) == []
                if adp_model is not None:
                    adp_model.model_validate_json(row)
                counted["adp"] += 1

        validated()
    print(f"ATIF: {counted['atif']} trajectories accepted by {HARBOR}")
    print(f"ADP: {counted['adp']} trajectories keep the link rules" + (" and are accepted by the clone's models" if asked.adp else ""))


if __name__ == "__main__":
    main()
