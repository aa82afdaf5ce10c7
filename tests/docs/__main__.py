"""``python -m tests.docs`` writes anew the pages that are made from the code."""

from tests.docs.pages import GENERATED

for page, content in GENERATED.items():
    page.write_text(content())
