"""``python -m tests.docs.images [NAME...]``: the screenshots in docs/images, all or some, made anew.

A service of its own runs the chains that are shipped; Chromium opens each page at 1440 and at 390 px.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.docs.pages import DOCS, ROOT
from tests.servers.chromium import FLAGS, find_chromium
from tests.servers.stack import Stack

#: Width and height of the windows, in CSS pixels.
WINDOWS = {"1440": (1440, 900), "390": (390, 844)}
#: Pages that are shown in dark as well.
DARK = ("run", "lineage")


def pages(stack: Stack) -> dict[str, str]:
    """Run what the pages show; return their addresses by name."""
    week = stack.run("agg/bicycle_weeks_chain/RankingTask", period="2016-W20")
    report = stack.run("etl/bicycles_chain/ReportTask", period="2016-W20")
    before = stack.run("etl/bicycles_chain/ReportTask", period="2016-W19")
    for week_before in ("2016-W15", "2016-W17"):
        stack.run("etl/bicycles_chain/ReportTask", period=week_before)
    stack.run("testchains/hello_luigiworld_chain/DownstreamTask", name="you")
    stack.run("ds/diagnosis_chain/ReportTask")
    failed = stack.run("shop/sales_chain/ReportTask", day="2026-02-30")
    live = stack.client.post("shop/sales_chain/ReportTask", day="2026-02-01", wait=True)
    return {
        "home": "/",
        "chain": "/chains/agg/bicycle_weeks_chain",
        "form": "/chains/etl/bicycles_chain/ReportTask",
        "run": f"/runs/{week['run_id']}",
        "run-failed": f"/runs/{failed['run_id']}",
        "run-live": f"/runs/{live['run_id']}",
        "grid": "/chains/etl/bicycles_chain/ReportTask/grid?last=2016-W20&count=14",
        "results": "/chains/etl/bicycles_chain/AggregateDayTask/results",
        "compare": f"/runs/{report['run_id']}/compare/{before['run_id']}",
        "history": "/history",
        "lineage": "/lineage",
        "lineage-type": "/lineage/etl",
        "lineage-result": f"/lineage/{str(report['key']).removeprefix('chains/')}",
        "backfills": "/backfills",
        "schedules": "/schedules",
        "workers": "/workers",
        "settings": "/settings",
        "api": "/docs",
    }


SALES = '''"""Sales of a shop, day by day."""
import time
import luigi
from datanectar import NectarTask

class ShopTask(NectarTask):
    """Read what a shop has sold on a day."""
    day = luigi.Parameter()
    shop = luigi.Parameter()
    wait = luigi.BoolParameter(significant=False)
    def run(self):
        print(f"INFO reading {self.shop} of {self.day}")
        if self.wait and self.shop == "Lyon":
            self.set_status_message("waits for the shop's file")
            time.sleep(600)
        if self.day == "2026-02-30" and self.shop == "Oslo":
            raise ValueError("Oslo: there is no 30 February")
        self.save(f"{self.shop},12\\n")

class ReportTask(NectarTask):
    """Add up the sales of all shops on a day."""
    day = luigi.Parameter(description="such as 2026-02-01")
    wait = luigi.BoolParameter(significant=False)
    schedule = "0 6 * * * Europe/Berlin"
    def requires(self):
        return [ShopTask(day=self.day, shop=shop, wait=self.wait) for shop in ("Bern", "Lyon", "Oslo", "Turin")]
    def run(self):
        self.save("total,48\\n")
'''


@contextmanager
def service() -> Iterator[Stack]:
    """Start a service over the chains that are shipped, and one that fails and waits."""
    with tempfile.TemporaryDirectory(prefix="datanectar-images-") as folder:
        stack = Stack(Path(folder) / "project")
        shutil.copytree(
            ROOT / "code" / "chains", stack.project / "code" / "chains", dirs_exist_ok=True
        )
        stack.chain("shop/sales_chain", SALES)
        try:
            yield stack.start()
        finally:
            stack.close()


def shoot(browser: Any, url: str, file: Path, window: tuple[int, int], scheme: str) -> None:
    """Take the picture of a page, as high as the window."""
    size = {"width": window[0], "height": window[1]}
    context = browser.new_context(viewport=size, color_scheme=scheme, timezone_id="Europe/Berlin")
    page = context.new_page()
    page.goto(url)
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(700)  # what scripts fetch: the log, the API's description
    page.screenshot(path=file)
    context.close()


def main(names: list[str]) -> None:
    """Make the screenshots of these pages, or of all."""
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with service() as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=[*FLAGS, *sandbox]
        )
        for name, path in pages(stack).items():
            if names and name not in names:
                continue
            for width, window in WINDOWS.items():
                for scheme in ("light", "dark") if name in DARK else ("light",):
                    ending = "-dark" if scheme == "dark" else ""
                    file = DOCS / "images" / f"{name}-{width}{ending}.png"
                    shoot(browser, stack.url + path, file, window, scheme)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
