"""Which files of tests share a worker, and which begin first."""

import pytest

# What takes longest begins first, so that no worker is left with it at the end. Of the
# first, most is waiting.
LONGEST = (
    "tests/dags/test_scheduler.py",
    "tests/project/test_accidents.py",
    "tests/project/test_sample.py",
    "tests/dags/test_run_once.py",
    "tests/project/test_retail.py",
    "tests/project/test_dbt_project.py",
    "tests/project/test_linters.py",
    "tests/project/test_identity.py",
    "tests/project/test_poison.py",
)
# Files that look at the same home are tested by the same worker, which makes it once.
TOGETHER = {"tests/project/test_scores.py": "tests/project/test_accidents.py"}


def file_of(nodeid: str) -> str:
    """Name the file that a test counts as, from the project's folder."""
    file = nodeid.split("::", 1)[0]
    return TOGETHER.get(file, file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first; otherwise the order stays."""
    order = {file: place for place, file in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(file_of(item.nodeid), len(order)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """Hand out whole files, as `--dist loadfile` does, and some of them together."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return file_of(nodeid)

    if config.getvalue("dist") != "loadfile":
        return None
    return Scheduling(config, log)
