"""Property tests: each takes as long as a busy machine needs, and begins without reading our code.

Hypothesis would look through every source file that is loaded for constants to draw. In a fresh
checkout that takes each worker five seconds of CPU, and what a test is shown would depend on the
modules that tests before it have imported.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

vars(providers)["is_local_module_file"] = lambda _: False
