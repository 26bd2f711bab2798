"""How properties are tested: the same examples each time in the suite, others in every round of `make search`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A busy machine is no defect: neither profile holds an example to a time.
_PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("suite", derandomize=True, database=None, **_PATIENT)
settings.register_profile("search", print_blob=True, **_PATIENT)
settings.load_profile(os.environ.get("PROPERTIES", "suite"))
