// The values that the dashboard paints: ranking, rates, ages, texts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { clockOffset, Freshness } from "../../static/dashboard/freshness.js";
import { Pulse, rateOf, SECONDS } from "../../static/dashboard/pulse.js";
import { ranking } from "../../static/dashboard/ranking.js";
import {
  ageText,
  describe,
  duration,
  editorName,
  rateText,
  sourceText,
  worst,
} from "../../static/dashboard/texts.js";

test("bars are sorted by count, then by name, whatever the order of the rows", () => {
  const rows = [
    { user: "Bob", count: 9n },
    { user: "Carol", count: 12n },
    { user: "Alice", count: 12n },
    { user: null, count: 3n },
  ];
  const expected = ["Alice", "Carol", "Bob", null];
  assert.deepEqual(
    ranking(rows).map(({ user }) => user),
    expected,
  );
  assert.deepEqual(
    ranking([...rows].reverse()).map(({ user }) => user),
    expected,
  );
  assert.deepEqual(
    ranking(rows).map(({ share }) => share),
    [1, 1, 0.75, 0.25],
  );
});

test("counts beyond the exact numbers are sorted exactly", () => {
  const rows = [
    { user: "Alice", count: 9007199254740992n },
    { user: "Bob", count: 9007199254740993n },
  ];
  assert.deepEqual(
    ranking(rows).map(({ user }) => user),
    ["Bob", "Alice"],
  );
});

test("NULL, an empty name and the name null are three editors", () => {
  const rows = [null, "", "null"].map((user) => ({ user, count: 1n }));
  assert.equal(new Set(ranking(rows).map(({ key }) => key)).size, 3);
  assert.deepEqual(editorName(null), { text: "not known", isName: false });
  assert.deepEqual(editorName(""), { text: "no name", isName: false });
  assert.deepEqual(editorName("null"), { text: "null", isName: true });
});

test("no rows are no bars, and a count of 0 divides nothing", () => {
  assert.deepEqual(ranking([]), []);
  assert.equal(ranking([{ user: "Alice", count: 0n }])[0].share, 0);
});

test("edits are spread over the time in which they came", () => {
  const pulse = new Pulse();
  pulse.add(10_000, 11_000, 8);
  pulse.add(11_000, 11_500, 3);
  pulse.add(11_500, 13_000, 6);
  assert.deepEqual(pulse.until(13_000).slice(-4), [null, 8, 5, 4]);
  assert.equal(pulse.until(13_999).at(-1), 4);
});

test("a second that is partly known is not shown", () => {
  const pulse = new Pulse();
  pulse.add(10_400, 12_000, 16);
  assert.deepEqual(pulse.until(12_000).slice(-2), [null, 10]);
});

test("a change over an hour fills the minute that is shown, and no more is kept", () => {
  const pulse = new Pulse();
  pulse.add(0, 3_600_000, 7200);
  const seconds = pulse.until(3_600_000);
  assert.equal(seconds.length, SECONDS);
  assert.ok(seconds.every((count) => Math.abs(count - 2) < 1e-9));
});

test("an empty interval adds nothing", () => {
  const pulse = new Pulse();
  pulse.add(10_000, 10_000, 0);
  assert.ok(pulse.until(11_000).every((count) => count === null));
});

test("the rate is the mean of the last ten seconds that are known", () => {
  assert.equal(rateOf(Array(60).fill(null)), null);
  assert.equal(rateOf([...Array(50).fill(100), ...Array(8).fill(null), 4, 6]), 5);
});

test("the age is the greatest since the last reading", () => {
  const freshness = new Freshness();
  assert.equal(freshness.read(1_000), null);
  freshness.painted(1_000, 1_050);
  freshness.painted(1_900, 1_950);
  assert.equal(freshness.read(2_000), 950);
  assert.equal(freshness.read(2_100), 200);
});

test("an age is never negative, and a view that can no longer change has none", () => {
  const freshness = new Freshness();
  freshness.painted(5_000, 4_000);
  assert.equal(freshness.read(4_000), 0);
  freshness.painted(Infinity, 4_000);
  assert.equal(freshness.read(4_000), null);
});

test("a clock within the second of the header needs no correction", () => {
  const header = "Sun, 22 Nov 2026 23:00:00 GMT";
  const served = Date.parse(header);
  assert.equal(clockOffset(header, served + 100, served + 150), 0);
  assert.equal(clockOffset(header, served + 990, served + 1_010), 0);
  assert.equal(clockOffset(header, served - 20, served + 10), 0);
});

test("a clock that is wrong is corrected to within a second", () => {
  const header = "Sun, 22 Nov 2026 23:00:00 GMT";
  const served = Date.parse(header);
  for (const wrong of [-3_600_000, -5_000, 5_000, 3_600_000]) {
    const offset = clockOffset(header, served + 500 + wrong, served + 520 + wrong);
    assert.ok(Math.abs(offset + wrong) <= 510, `${wrong} gave ${offset}`);
  }
});

test("without a Date header there is no correction", () => {
  assert.equal(clockOffset(null, 1, 2), 0);
  assert.equal(clockOffset("nonsense", 1, 2), 0);
});

test("durations and rates for people", () => {
  const texts = [0, 340, 9_900, 9_960, 61_000, 100_000, 3_600_000, 7_200_000].map(duration);
  assert.deepEqual(texts, ["0.0 s", "0.3 s", "9.9 s", "10 s", "61 s", "2 min", "60 min", "2 h"]);
  assert.deepEqual([null, 0, 4.26, 27.4].map(rateText), [
    "",
    "0.0 a second",
    "4.3 a second",
    "27 a second",
  ]);
  assert.deepEqual([null, 400].map(ageText), ["", "0.4 s old"]);
});

test("the page shows the state of its worst view", () => {
  const view = (name, state, reason = "") => ({ name, standing: { state, reason } });
  const counter = view("counter", "live");
  for (const state of [
    "unverified",
    "stale",
    "waiting",
    "connecting",
    "paused",
    "refused",
    "closed",
  ]) {
    const expected = { view: "top10", state, reason: "why" };
    assert.deepEqual(worst([counter, view("top10", state, "why")]), expected);
  }
});

test("of two live views the one with a reason is shown", () => {
  const view = (name, reason) => ({ name, standing: { state: "live", reason, since: 0 } });
  assert.equal(worst([view("a", ""), view("b", "why"), view("c", "")]).view, "b");
});

test("a notice says what is wrong, why, and what happens next", () => {
  const live = { state: "live", reason: "", view: "v" };
  assert.deepEqual(describe(live, true, null), { word: "Live", notice: "", countdown: "" });
  const lost = describe({ state: "connecting", reason: "", view: "v" }, true, 3_200);
  assert.equal(lost.word, "Reconnecting");
  assert.equal(lost.countdown, "Trying again in 4 s.");
  const first = describe({ state: "connecting", reason: "", view: "v" }, false, null);
  assert.deepEqual(first, { word: "Connecting", notice: "", countdown: "" });
  const refused = { state: "refused", reason: "the view 'v' is not served here", view: "v" };
  assert.equal(
    describe(refused, false, 900).notice,
    "The server refuses: the view 'v' is not served here.",
  );
  const why = "nothing was posted for 15 s";
  const stale = describe({ state: "stale", reason: why, view: "v" }, true, null);
  assert.equal(stale.word, "Stale");
  assert.match(stale.notice, /out of date\. v: nothing was posted for 15 s\.$/);
});

test("the source is shown if the server names it", () => {
  assert.equal(sourceText({ source: "generated" }), "Source: generated");
  for (const about of [null, undefined, {}, { source: null }, { source: 7 }]) {
    assert.equal(sourceText(about), "");
  }
});
