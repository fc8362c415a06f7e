"""Planned crashes, so that surviving them can be tested.

``TESSERA_FAULT=stage:n`` kills the process, as ``kill -9`` would, at the n-th fault
point that it passes in that stage. Unset, as ever in production, nothing happens.
"""

import os
from collections import Counter

_passed: Counter[str] = Counter()


def fault_point(stage: str) -> None:
    """Die here if the environment asks for it; otherwise count and go on."""
    wanted = os.environ.get("TESSERA_FAULT")
    if not wanted:
        return
    _passed[stage] += 1
    if wanted == f"{stage}:{_passed[stage]}":
        os._exit(137)
