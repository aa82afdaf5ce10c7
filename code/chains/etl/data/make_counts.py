"""Makes ``counts.csv.gz``: three months of invented, lifelike bicycle counts, faults included.

``python make_counts.py`` writes the same content every time: the dice are seeded, and only
``random.random()`` is thrown, which Python keeps stable across its versions. Times are local.
"""

from __future__ import annotations

import datetime
import gzip
import io
import random
from collections.abc import Iterator
from pathlib import Path

FIRST, LAST = datetime.date(2016, 4, 1), datetime.date(2016, 6, 30)

#: Bicycles on a fine weekday, and the share of them that comes at the weekend.
COUNTERS = {
    "bridge": (4200, 0.65),
    "riverside": (1900, 1.40),
    "station": (3100, 0.45),
    "university": (2600, 0.30),
}
#: How a day's bicycles fall on its hours: to work and back, or out in the afternoon.
WEEKDAY = (1, 1, 1, 1, 2, 8, 30, 85, 95, 50, 32, 34, 42, 42, 38, 45, 70, 98, 75, 45, 28, 18, 10, 5)
WEEKEND = (4, 3, 2, 2, 1, 2, 5, 12, 24, 42, 60, 72, 76, 84, 90, 88, 80, 66, 50, 36, 24, 16, 10, 7)

#: Roadworks: the counter at the station was off the power.
SILENT = ("station", "2016-05-21T14:00", "2016-05-23T06:00")


def main() -> None:
    """Write the file beside this script."""
    text = "".join(f"{line}\n" for line in raw_lines(random.Random(2016)))  # noqa: S311 - dice, not secrets
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as stream:
        stream.write(text.encode())
    (Path(__file__).parent / "counts.csv.gz").write_bytes(packed.getvalue())


def raw_lines(dice: random.Random) -> Iterator[str]:
    """Yield the file's lines: a header, then one line per hour and counter, more or less."""
    yield "measured_at,counter,bicycles"
    for day in range((LAST - FIRST).days + 1):
        date = FIRST + datetime.timedelta(days=day)
        weather = 0.55 + 0.6 * dice.random() + 0.002 * day
        for hour in range(24):
            for counter in COUNTERS:
                time, bicycles = f"{date}T{hour:02}:00", count(counter, date, hour, weather, dice)
                yield from faulty(time, counter, bicycles, dice)
        if date.day in (9, 24):
            yield "# logger restarted"


def count(counter: str, date: datetime.date, hour: int, weather: float, dice: random.Random) -> int:
    """Return how many bicycles came by in one hour."""
    fine_day, weekend_share = COUNTERS[counter]
    at_weekend = date.weekday() >= 5
    profile = WEEKEND if at_weekend else WEEKDAY
    expected = fine_day * (weekend_share if at_weekend else 1) * profile[hour] / sum(profile)
    return round(expected * weather * (0.85 + 0.3 * dice.random()))


def faulty(time: str, counter: str, bicycles: int, dice: random.Random) -> Iterator[str]:
    """Yield the measurement as its counter sent it: nearly always well, once."""
    line = f"{time},{counter},{bicycles}"
    if counter == SILENT[0] and SILENT[1] <= time < SILENT[2]:
        return
    throw = dice.random()
    if throw < 0.006:
        yield f"{time},{counter},"
    elif throw < 0.009:
        yield f"{time},{counter},n/a"
    elif throw < 0.011:
        yield f"{time},{counter},65535"
    elif throw < 0.012:
        yield f"{time},{counter},-{bicycles + 1}"
    elif throw < 0.015:
        yield line[: 3 + int(dice.random() * (line.rindex(",") - 3))]
    elif throw < 0.017:
        yield f"{time[8:10]}/{time[5:7]}/{time[:4]} {time[11:]},{counter},{bicycles}"
    elif throw < 0.018:
        yield f"{time},test,{bicycles}"
    elif throw < 0.024:
        yield line
        yield line
    else:
        yield line


if __name__ == "__main__":
    main()
