"""The proof of `scripts/serve`: a clone, own SQL, an own page, and an edit, in Chromium."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from scripts.text_query import text_query
from tests.scripts.test_serve import TABLE
from tests.static.conftest import chromium
from tests.support.clone import make_clone
from tests.support.serving import Serve

__all__ = ["chromium"]

PAGE = """
<!doctype html>
<meta charset="utf-8">
<ul></ul>
<script type="module">
  import { follow } from "/viewstream/index.js";
  const spend = follow(["spend"]).view("spend");
  spend.onChange(() => {
    const rows = spend.rows().sort((a, b) => a.customer.localeCompare(b.customer));
    document.querySelector("ul").replaceChildren(
      ...rows.map((row) =>
        Object.assign(document.createElement("li"), {
          textContent: `${row.customer} ${row.total}`,
        }),
      ),
    );
  });
</script>
"""


def test_own_sql_in_an_own_page_is_live_and_edited_live(tmp_path: Path, chromium: Browser) -> None:
    clone = make_clone(tmp_path / "a clone")
    own = tmp_path / "own"
    (own / "page").mkdir(parents=True)
    (own / "orders.sql").write_text(TABLE)
    (own / "page" / "index.html").write_text(PAGE)
    options = ("--sql", "orders.sql", "--static", "page", "--watch")
    with Serve(own, *options, root=clone) as serve:
        page = chromium.new_page()
        page.goto(serve.url)
        items = page.locator("li")
        expect(items).to_have_text(["Ann 3", "Bob 4"])
        text_query(serve.dsn, "INSERT INTO orders VALUES ('Ann', 2)")
        expect(items).to_have_text(["Ann 5", "Bob 4"])
        edited = TABLE.replace("GROUP BY", "WHERE amount <> 4 GROUP BY")
        (own / "orders.sql").write_text(edited)
        expect(items).to_have_text(["Ann 5"])
        page.close()
    assert "sql: unchanged orders; replaced spend" in serve.output
    assert (own / ".viewstream" / "engine").is_dir(), "the data are where one stands"
