"""The pages where results are in a bucket: another site, as a browser sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.servers.processes import wait_for
from tests.servers.s3 import S3Server
from tests.servers.stack import Stack


def test_a_picture_in_a_bucket_is_shown_and_its_link_leads_there(
    moto_s3: S3Server, make_stack: Callable[..., Stack], open_page: Callable[..., Any]
) -> None:
    stack = make_stack(
        ENV="test",
        PROJECT_BUCKET="pages",
        AWS_ENDPOINT_URL_S3=moto_s3.endpoint,
        AWS_ACCESS_KEY_ID=moto_s3.access_key,
        AWS_SECRET_ACCESS_KEY=moto_s3.secret_key,
        AWS_REGION="us-east-1",
    )
    stack.start()
    page = open_page(f"{stack.url}/chains/pages/gated_chain/PictureTask")
    page.get_by_role("button", name="Run", exact=True).click()
    picture = page.locator("img.picture")
    picture.wait_for()
    wait_for(lambda: picture.evaluate("image => image.naturalWidth") == 1, "the picture is loaded")
    link = page.get_by_role("link", name="Open out.png").get_attribute("href")
    assert link.startswith(moto_s3.endpoint)
    assert page.request.get(link).body().startswith(b"\x89PNG")
    expect(page.locator("[data-log-state]")).to_have_text("complete")
