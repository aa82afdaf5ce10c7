"""The pages of lineage, read without scripts as well."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from tests.lineage.conftest import chains as chains
from tests.lineage.test_results import made
from tests.servers.stack import Stack

pytestmark = pytest.mark.slow
HTML = {"Accept": "text/html"}


def get(stack: Stack, path: str) -> str:
    response = requests.get(f"{stack.url}{path}", headers=HTML, timeout=30)
    assert response.status_code == 200, (path, response.text[:500])
    return response.text


@pytest.fixture(scope="module")
def keys(chains: Stack) -> Iterator[dict[str, str]]:
    yield made(chains, "mon")


def test_pages_lead_to_the_lineage_and_on(chains: Stack, keys: dict[str, str]) -> None:
    assert 'href="/lineage"' in get(chains, "/")
    assert 'href="/lineage/middle"' in get(chains, "/chains/middle")
    assert 'href="/lineage/middle/middle_chain"' in get(chains, "/chains/middle/middle_chain")
    report = keys["ReportTask"].removeprefix("chains/")
    assert f'href="/lineage/{report}"' in get(chains, f"/results/{report}")
    every = get(chains, "/lineage")
    assert re.search(r'href="/lineage/middle/middle_chain" aria-label="middle_chain middle"', every)
    of_type = get(chains, "/lineage/middle")
    assert 'href="/chains/middle/middle_chain/PricesTask"' in of_type
    assert "CleanTask" in of_type
    assert "RawTask" not in of_type  # two steps from that type
    of_chain = get(chains, "/lineage/reports/reports_chain")
    assert "RawTask" in of_chain  # a chain's page has all steps
    assert "raw_mon.csv" in of_chain
    for nowhere in ("/lineage/nowhere", "/lineage/middle/nowhere_chain"):
        assert chains.get(nowhere, headers=HTML).status_code == 404


def test_a_result_is_dropped_with_what_was_made_from_it_after_a_look(
    chains: Stack, keys: dict[str, str]
) -> None:
    place = f"/lineage/{keys['CleanTask'].removeprefix('chains/')}"
    page = get(chains, place)
    assert "Drop it and what was made from it (3)" in page
    assert f"/lineage/{keys['RawTask'].removeprefix('chains/')}" in page
    asked = requests.post(f"{chains.url}{place}/drop", headers=HTML, timeout=30)
    assert "3 results are deleted" in asked.text
    assert chains.file(keys["ReportTask"]).exists()  # it is not confirmed yet
    form = {"sure": "yes"}
    done = requests.post(f"{chains.url}{place}/drop", form, headers=HTML, timeout=30)
    assert "3 results dropped" in done.text
    assert not chains.file(keys["ReportTask"]).exists()
    assert chains.file(keys["RawTask"]).exists()
    assert "Drop it and" not in get(chains, place)
