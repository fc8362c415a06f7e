"""What is built again when memory ran out, and what is not."""

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from warehouse import transform
from warehouse.home import Home

LACKED = "Out of Memory Error: could not allocate block"
SPILT = f"{LACKED}. This limit was set by the 'max_temp_directory_size' setting."
LITTLE, MUCH = 10**9, 64 * 10**9


def told_of(name: str, status: str, message: str = "") -> SimpleNamespace:
    node = SimpleNamespace(name=name, resource_type="model")
    return SimpleNamespace(node=node, status=status, message=message)


@pytest.mark.parametrize(
    ("messages", "settings", "machine", "again"),
    [
        ([LACKED], "", MUCH, ["failed_0", "skipped"]),
        ([LACKED, "Binder Error"], "", MUCH, None),
        ([SPILT], "", MUCH, None),  # the disk is full: memory is not what lacks
        ([LACKED], "memory_limit: 1GB", MUCH, None),
        ([LACKED], "", LITTLE, None),  # there is no more than what was too little
    ],
)
def test_what_lacked_memory_is_built_again_where_there_is_more(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    messages: list[str],
    settings: str,
    machine: int,
    again: list[str] | None,
):
    (tmp_path / "settings.yml").write_text(settings)
    failed = [told_of(f"failed_{n}", "error", told) for n, told in enumerate(messages)]
    calls = []

    def call_dbt(home, arguments, *_, memory=None):
        calls.append((arguments, memory))
        if memory:
            return [told_of("failed_0", "success"), told_of("skipped", "success")]
        return [told_of("built", "success"), *failed, told_of("skipped", "skipped")]

    monkeypatch.setattr(transform, "call_dbt", call_dbt)
    monkeypatch.setattr("warehouse.connection.memory_of_machine", lambda: machine)
    built = transform.build_models(
        Home.at(tmp_path),
        transform.BEFORE_IDENTITY,
        as_of=datetime(2026, 1, 1),
        run_id="run_1",
    )

    if again is None:
        assert len(calls) == 1
        assert len(built.failures) == len(messages)
    else:
        (_, (arguments, memory)) = calls
        chosen = arguments[arguments.index("--select") + 1 :]
        assert chosen[: chosen.index("--indirect-selection")] == again
        assert memory == f"{0.75 * machine / 2**20:.0f}MiB"
        assert (built.n_models, built.failures) == (3, [])
