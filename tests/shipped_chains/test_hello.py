from __future__ import annotations

import hashlib

from tests.shipped_chains.conftest import Project

HELLO = "testchains.hello_luigiworld_chain"
GOLDEN = (
    "chains/testchains/hello_luigiworld_chain/TestS3Task/b226f1826734303ca9d39d79f960b367/out.txt"
)


def test_hello_lies_under_the_golden_key_of_its_date(project: Project) -> None:
    built = project.build(HELLO, "TestS3Task")
    assert built.text == "Hello, Luigi world!\n"
    assert project.results() == {GOLDEN}


def test_the_greeting_carries_the_hello_on_to_the_name(project: Project) -> None:
    built = project.build(HELLO, "DownstreamTask", name="Ada", seconds="0")
    assert built.text == "Hello, Luigi world! And hello, Ada!\n"
    assert built.started == ["TestS3Task", "DownstreamTask"]
    assert built.file.parent.name == hashlib.md5(b'{"name": "Ada"}').hexdigest()


def test_the_seconds_are_no_part_of_the_key(project: Project) -> None:
    first = project.build(HELLO, "DownstreamTask", seconds="0")
    again = project.build(HELLO, "DownstreamTask", seconds="0.5")
    assert again.started == []
    assert again.path == first.path


def test_progress_and_status_message_reach_the_scheduler(project: Project) -> None:
    built = project.build(HELLO, "DownstreamTask", seconds="0")
    assert built.progress["progressPercentage"] == 100
    assert built.message["statusMessage"] == "step 10 of 10"
    assert "step 3 of 10" in built.log
