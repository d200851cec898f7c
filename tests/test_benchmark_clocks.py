"""CPU times in the benchmarks: no machine reads its clock so coarsely that a ratio fails."""

import ast
from pathlib import Path

from benchmarks.clock import cpu_between
from tests.support.running.every_case import every_case

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CLOCKS = {"cpu_seconds", "_cpu_seconds", "children_cpu_seconds", "process_time", "times"}


def _reads_a_cpu_clock(node: ast.AST) -> bool:
    return any(
        isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in CLOCKS
        for call in ast.walk(node)
    )


def test_work_within_one_tick_of_the_clock_costs_something():
    assert cpu_between(0.25, 0.25) > 0


def test_work_of_many_ticks_costs_what_the_clock_says():
    assert cpu_between(0.25, 1.75) == 1.5


@every_case("path", sorted(BENCHMARKS.rglob("*.py")))
def test_a_difference_of_cpu_clocks_is_taken_by_cpu_between_alone(path: Path):
    found = [
        f"{path.name}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and (_reads_a_cpu_clock(node.left) or _reads_a_cpu_clock(node.right))
    ]

    assert found == []
