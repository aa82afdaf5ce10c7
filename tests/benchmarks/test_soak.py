"""What a soak says of memory."""

from __future__ import annotations

import pytest

from benchmarks.soak.samples import Life, slope


@pytest.mark.parametrize(
    ("points", "per_hour"),
    [
        ([], 0),
        ([(5, 80)], 0),
        ([(0, 80), (1800, 80), (3600, 80)], 0),
        ([(100, 80), (1900, 85), (3700, 90)], 10),
        ([(0, 90), (1800, 80)], -20),
    ],
)
def test_a_slope_is_the_growth_in_an_hour(
    points: list[tuple[float, float]], per_hour: float
) -> None:
    assert slope(points) == pytest.approx(per_hour)


def test_what_a_process_takes_to_warm_up_is_no_growth() -> None:
    life = Life(1, [(0, 10), (30, 60), (90, 80), (150, 80)])
    assert slope(life.settled) == 0
    assert life.seconds == 150
