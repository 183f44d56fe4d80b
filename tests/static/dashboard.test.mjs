// The values that the dashboard paints: ranking, springs, rates, ages, texts.

import assert from "node:assert/strict";
import { test } from "node:test";

import { accountsOf, languageOf, linkOf } from "../../static/dashboard/home/edit_items.js";
import { Feed, newestFirst } from "../../static/dashboard/home/feed.js";
import {
  changeText,
  countOf,
  shareText,
  shareTexts,
  sumOf,
} from "../../static/dashboard/home/numbers.js";
import { Pace, SECONDS, secondsOfBar } from "../../static/dashboard/home/pace.js";
import { ranking } from "../../static/dashboard/home/ranking.js";
import { SettledOrder } from "../../static/dashboard/home/settled_order.js";
import { SETTLED, Spring } from "../../static/dashboard/home/spring.js";
import { clockOffset, Freshness } from "../../static/dashboard/site/freshness.js";
import { nameText, visibleText } from "../../static/dashboard/site/safe_text.js";
import {
  ageText,
  describe,
  duration,
  rateText,
  reasonText,
  sourceText,
  timeText,
  worst,
} from "../../static/dashboard/site/texts.js";

const rank = (rows) =>
  ranking(
    rows,
    ({ user }) => user,
    ({ count }) => count,
  );

test("bars are sorted by count, then by name, whatever the order of the rows", () => {
  const rows = [
    { user: "Bob", count: 9n },
    { user: "Carol", count: 12n },
    { user: "Alice", count: 12n },
    { user: null, count: 3n },
  ];
  const expected = ["Alice", "Carol", "Bob", null];
  for (const order of [rows, [...rows].reverse()]) {
    assert.deepEqual(
      rank(order).map(({ row }) => row.user),
      expected,
    );
  }
  assert.deepEqual(
    rank(rows).map(({ share }) => share),
    [1, 1, 0.75, 0.25],
  );
});

test("counts beyond the exact numbers are sorted exactly", () => {
  const rows = [
    { user: "Alice", count: 9007199254740992n },
    { user: "Bob", count: 9007199254740993n },
  ];
  assert.deepEqual(
    rank(rows).map(({ row }) => row.user),
    ["Bob", "Alice"],
  );
});

test("NULL, an empty name and the name null are three editors", () => {
  const rows = [null, "", "null"].map((user) => ({ user, count: 1n }));
  assert.equal(new Set(rank(rows).map(({ key }) => key)).size, 3);
  assert.deepEqual(nameText(null), { text: "not known", isName: false });
  assert.deepEqual(nameText(""), { text: "no name", isName: false });
  assert.deepEqual(nameText("null"), { text: "null", isName: true });
});

test("no rows are no bars, and a count of 0 divides nothing", () => {
  assert.deepEqual(rank([]), []);
  assert.equal(rank([{ user: "Alice", count: 0n }])[0].share, 0);
});

test("a spring ends at its target, and never passes it", () => {
  const spring = new Spring(0);
  spring.retarget(5, 1000);
  let before = 0;
  for (let now = 1000; now <= 1000 + SETTLED; now += 10) {
    const place = spring.place(now);
    assert.ok(place >= before && place <= 5, `${place} at ${now}`);
    before = place;
  }
  assert.ok(before > 4.95);
  assert.equal(spring.place(1000 + SETTLED), 5);
  assert.equal(spring.isMoving(1000 + SETTLED), false);
});

test("a new target changes neither the place nor the speed", () => {
  const spring = new Spring(0);
  spring.retarget(5, 0);
  for (const [now, target] of [
    [120, -3],
    [180, 4],
    [400, 4.5],
  ]) {
    const before = [spring.place(now), spring.velocity(now)];
    spring.retarget(target, now);
    assert.ok(Math.abs(spring.place(now) - before[0]) < 1e-9);
    assert.ok(Math.abs(spring.velocity(now) - before[1]) < 1e-9);
  }
});

test("the same target again is no new start", () => {
  const spring = new Spring(0);
  spring.retarget(1, 0);
  const expected = spring.place(300);
  spring.retarget(1, 200);
  assert.equal(spring.place(300), expected);
});

test("the speed is the derivative of the place", () => {
  const spring = new Spring(2);
  spring.retarget(7, 0);
  spring.retarget(-1, 90);
  for (const now of [95, 200, 350]) {
    const slope = (spring.place(now + 0.01) - spring.place(now - 0.01)) / 0.02;
    assert.ok(Math.abs(slope - spring.velocity(now)) < 1e-6);
  }
});

test("sixty changes of order a second are shown as few moves, and the last one is the true one", () => {
  const order = new SettledOrder(700);
  const shown = [];
  let now = 0;
  for (let change = 0; change < 180; change += 1) {
    now = change * (1000 / 60);
    const keys = change % 2 ? ["a", "b"] : ["b", "a"];
    const next = order.next(keys, now, false).join();
    if (next !== shown.at(-1)?.next) shown.push({ next, now });
  }
  assert.ok(shown.length <= 5, `${shown.length} orders in 3 s`);
  for (const [at, { now: then }] of shown.entries()) {
    // Longer than a spring needs: each bar rests before it moves again.
    if (at > 0) assert.ok(then - shown[at - 1].now >= SETTLED);
  }
  assert.deepEqual(order.next(["c", "a"], now + 700, false), ["c", "a"]);
  assert.deepEqual(order.next(["a", "c"], now + 701, true), ["a", "c"]);
});

test("rows that come to an empty list are shown at once, and so is that they are gone", () => {
  const order = new SettledOrder(2_000);
  assert.deepEqual(order.next(["a"], 0, false), ["a"]);
  assert.deepEqual(order.next([], 10, false), []);
  assert.deepEqual(order.next(["b"], 20, false), ["b"]);
  assert.deepEqual(order.next(["c"], 30, false), ["b"]);
});

const second = (at) => new Date(at * 1000).toISOString();

test("the chart has a bar for each second, also for those without edits", () => {
  const rows = [
    { second: second(100), edits: 4 },
    { second: second(101), edits: 8 },
    { second: second(103), edits: 6n },
  ];
  const pace = new Pace(rows, 105_700);
  assert.deepEqual(
    [100, 101, 102, 103, 104, 105].map((at) => pace.at(at)),
    [null, 8, 0, 6, 0, null],
  );
  assert.equal(pace.mean(101, 104), 14 / 3);
  assert.equal(pace.mean(90, 95), null);
});

test("the rate is a mean of seconds that are over, and null without any", () => {
  const rows = Array.from({ length: 60 }, (_, at) => ({ second: second(100 + at), edits: 50 }));
  assert.equal(new Pace(rows, 160_500).rate, 50);
  assert.equal(new Pace([], 160_500).rate, null);
});

test("bars are wide enough to be seen", () => {
  assert.equal(secondsOfBar(1400, 4), 1);
  assert.equal(secondsOfBar(700, 4), 2);
  assert.equal(secondsOfBar(330, 4), 5);
  assert.ok(SECONDS % secondsOfBar(330, 4) === 0);
});

const edit = (id, bot = false) => ({ id, bot, wiki: "enwiki", time: String(1000 + id) });

test("edits that come slowly are all shown, the newest first", () => {
  const feed = new Feed();
  feed.next([edit(1), edit(2)], 0);
  assert.deepEqual(
    feed.next([edit(1), edit(2), edit(3)], 5_000).map(({ id }) => id),
    [3, 2, 1],
  );
});

test("edits that come fast are a sample, in which people come first", () => {
  const feed = new Feed();
  const rows = (from) => Array.from({ length: 20 }, (_, at) => edit(from + at, at === 19));
  const first = feed.next(rows(1), 0);
  assert.equal(first.length, 7);
  assert.deepEqual(feed.next(rows(101), 500), first, "each is there long enough to be read");
  assert.deepEqual(
    feed.next(rows(101), 2_000).map(({ id }) => id),
    [119, ...first.slice(0, 6).map(({ id }) => id)],
  );
  assert.deepEqual(newestFirst(rows(1))[0].id, 20);
});

test("edits of two wikis may have one number, and their numbers have no order", () => {
  const feed = new Feed();
  const german = { ...edit(1), wiki: "dewiki", time: "2000" };
  assert.deepEqual(feed.next([edit(1), german], 0), [german, edit(1)]);
  const later = { ...edit(9), wiki: "frwiki", time: "0500" };
  assert.deepEqual(feed.next([edit(1), german, later], 5_000), [german, edit(1), later]);
});

test("the rows of new accounts become accounts with their edits", () => {
  const row = (id, user, created) => ({ user, created, time: String(id), title: `Page ${id}` });
  const accounts = accountsOf([row(1, "a", "10:00"), row(3, "a", "10:00"), row(2, "b", "10:05")]);
  assert.deepEqual(
    accounts.map(({ user, edits, title }) => [user, edits, title]),
    [
      ["b", 1, "Page 2"],
      ["a", 2, "Page 3"],
    ],
  );
});

test("only addresses of the web are links", () => {
  assert.equal(linkOf("https://en.wikipedia.org/?diff=1"), "https://en.wikipedia.org/?diff=1");
  for (const url of ["javascript:alert(1)", "data:,x", "http://a.example", "//b", "", null]) {
    assert.equal(linkOf(url), null);
  }
});

test("numbers for people", () => {
  assert.deepEqual([1204, -56, 0, null, 5n].map(changeText), ["+1,204", "−56", "±0", "", "+5"]);
  assert.deepEqual([0.613, 0.0994, 0.004, 0].map(shareText), ["61%", "9.9%", "0.4%", "0%"]);
  assert.deepEqual(shareTexts([0.88, 0.12]), ["88%", "12%"]);
  assert.deepEqual(shareTexts([0.944, 0.056]), ["94.4%", "5.6%"]);
  assert.deepEqual(shareTexts([1, 0]), ["100%", "0%"]);
  assert.equal(countOf(1, "edit"), "1 edit");
  assert.equal(countOf(2, "person", "people"), "2 people");
  assert.equal(sumOf([9007199254740993n, 1]), 9007199254740994n);
  assert.equal(sumOf([2, 1]), 3);
});

test("control characters and blanks are seen", () => {
  const expected = [
    ["\u202eevil\u202c", "⟨U+202E⟩evil⟨U+202C⟩"],
    ["  a ", "␣␣a␣"],
    ["\u3164", "⟨U+3164⟩"],
    ["\ud800x", "\ufffdx"],
    ["a\u200bb", "a⟨U+200B⟩b"],
    ["z\u0301\u0302\u0303\u0304\u0305\u0306x", "z\u0301\u0302\u0303\u0304x"],
  ];
  for (const [text, visible] of expected) assert.equal(visibleText(text), visible);
  for (let code = 0; code < 32; code += 1) {
    const text = visibleText(`a${String.fromCharCode(code)}b`);
    assert.equal(text.charCodeAt(1), 0x2400 + code);
  }
});

test("what belongs to a script or an emoji stays as it is", () => {
  const whole = ["می\u200cخواهم", "क्\u200dष", "👨\u200d👩\u200d👧", "O’Neil 漢字", "\u0601"];
  whole.push("🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}");
  for (const text of whole) assert.equal(visibleText(text), text);
});

test("a long text is cut between two characters", () => {
  assert.equal(visibleText("😀".repeat(1000)), `${"😀".repeat(300)}…`);
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
  assert.equal(rateText(1737.2), "1,737 a second");
  assert.deepEqual([null, 0, 4.26, 27.4].map(rateText), [
    "",
    "0.0 a second",
    "4.3 a second",
    "27 a second",
  ]);
  assert.deepEqual([null, 400].map(ageText), ["", "0.4 s old"]);
  assert.deepEqual([null, Infinity].map(timeText), ["", ""]);
});

test("the page shows the state of its worst view", () => {
  const view = (name, state, reason = "") => ({ name, standing: { state, reason } });
  const counter = view("counter", "live");
  for (const state of ["unverified", "stale", "waiting", "connecting", "paused", "closed"]) {
    const expected = { view: "top10", state, reason: "why" };
    assert.deepEqual(worst([counter, view("top10", state, "why")]), expected);
  }
});

test("of two live views the one with a reason is shown", () => {
  const view = (name, reason) => ({ name, standing: { state: "live", reason, since: 0 } });
  assert.equal(worst([view("a", ""), view("b", "why"), view("c", "")]).view, "b");
});

const LIVE = { state: "live", reason: "", view: "v" };
const situation = (changes) => ({
  standing: LIVE,
  hasRows: true,
  asOf: Date.now(),
  age: 400,
  wait: null,
  ...changes,
});

test("rows are live, lagging after 3 s, and stale after 15 s", () => {
  const wordAt = (age) => describe(situation({ age })).word;
  assert.deepEqual([null, 0, 3_000, 3_001, 15_000, 15_001].map(wordAt), [
    "Live",
    "Live",
    "Live",
    "Lagging",
    "Lagging",
    "Stale",
  ]);
});

test("a notice says what is wrong, why, and what happens next", () => {
  const lost = { state: "connecting", reason: "", view: "v" };
  const again = describe(situation({ standing: lost, wait: 3_200 }));
  assert.equal(again.word, "Reconnecting");
  assert.equal(again.countdown, "Trying again in 4 s.");
  assert.equal(again.canRetry, true);
  assert.equal(describe(situation({ standing: lost, wait: 0 })).canRetry, false);
  const first = describe(situation({ standing: lost, hasRows: false }));
  assert.deepEqual([first.word, first.notice], ["Connecting", ""]);
  const refused = { state: "refused", reason: "the view 'v' is not served here", view: "v" };
  assert.equal(
    describe(situation({ standing: refused })).notice,
    "The server refuses this page: the view 'v' is not served here.",
  );
  const stale = { state: "stale", reason: "nothing was posted for 15 s", view: "v" };
  const { word, notice } = describe(situation({ standing: stale }));
  assert.equal(word, "Stale");
  assert.match(notice, /^Nothing is new since [\d:]+: no changes arrive from the pipeline\.$/);
});

test("what is wrong is said before anything is stale", () => {
  const standing = { ...LIVE, reason: "the engine does not answer" };
  const early = describe(situation({ standing }));
  assert.equal(early.word, "Live");
  assert.equal(early.notice, "All is up to date still, but the database does not answer.");
  const late = describe(situation({ standing, age: 5_000 }));
  assert.equal(late.word, "Lagging");
  assert.match(late.notice, /^Nothing is new since .*: the database does not answer\.$/);
});

test("views that are behind are named, and since when", () => {
  const late = { label: "The ranking", state: "live", reason: "", asOf: 0, age: 4_000 };
  assert.equal(describe(situation({ late: [late] })).word, "Partly lagging");
  const { word, notice } = describe(situation({ late: [{ ...late, age: 20_000 }, late] }));
  assert.equal(word, "Partly stale");
  assert.match(
    notice,
    /^The ranking and 1 more have stopped at [\d:]+: no changes arrive\. The rest/,
  );
  const without = describe(situation({ late: [{ ...late, asOf: null, age: null }] }));
  assert.match(without.notice, /^The ranking has no rows yet/);
});

test("a reason is in a person's words, and never the database's own text", () => {
  for (const reason of [
    "nothing was posted for 15 s",
    "no pipeline has posted yet",
    "the engine does not answer within 10 s",
    'FATAL: password authentication failed for user "x"',
  ]) {
    assert.doesNotMatch(reasonText(reason), /FATAL|posted|engine|password/);
    assert.notEqual(reasonText(reason), "");
  }
  assert.equal(reasonText(""), "");
});

test("the source is shown if the server names it", () => {
  assert.equal(sourceText({ source: "generated" }), "Source: generated");
  for (const about of [null, undefined, {}, { source: null }, { source: 7 }]) {
    assert.equal(sourceText(about), "");
  }
});

test("an edit names its language, or the wiki where that says nothing", () => {
  const url = "https://www.wikidata.org/w/index.php?diff=7";
  assert.equal(languageOf({ wiki: "dewiki", language: "German", url }), "German");
  assert.equal(languageOf({ wiki: "wikidatawiki", language: "Multilingual", url }), "wikidata.org");
  assert.equal(languageOf({ wiki: "newwiki", language: null, url: null }), "newwiki");
  assert.equal(languageOf({ wiki: null, url: "javascript:alert(1)" }), "");
});
