// What the pages of views show: values, order, filter, changes, CSV, SQL.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Arrangement, arrange } from "../../static/dashboard/views/arrange.js";
import { Changes } from "../../static/dashboard/views/changes.js";
import { toCsv } from "../../static/dashboard/views/csv.js";
import { describeValue, kindOf, widthOf } from "../../static/dashboard/views/values.js";
import { splitSql } from "../../static/dashboard/views/view_card.js";

const USER = { name: "user", type: "text" };
const COUNT = { name: "count", type: "int8" };
const COLUMNS = [USER, COUNT];
const ROWS = [
  { user: "Bob", count: 9 },
  { user: null, count: 12 },
  { user: "Alice", count: 2n ** 60n },
  { user: "Carol", count: null },
  { user: "Abe", count: 9 },
];
const users = (rows) => rows.map(({ user }) => user);
const by = (column, descending = false) => ({ column, descending });

test("rows are ordered by a column, then by all others, and NULL is last either way", () => {
  assert.deepEqual(users(arrange(ROWS, COLUMNS, by("count", true), "")), [
    "Alice",
    null,
    "Abe",
    "Bob",
    "Carol",
  ]);
  assert.deepEqual(users(arrange(ROWS, COLUMNS, by("count"), "")).at(-1), "Carol");
  assert.deepEqual(users(arrange(ROWS, COLUMNS, by("user", true), "")), [
    "Carol",
    "Bob",
    "Alice",
    "Abe",
    null,
  ]);
  assert.deepEqual(users(arrange(ROWS, COLUMNS, null, "")).at(0), "Abe");
  assert.equal(ROWS[0].user, "Bob", "the view's own array stays as it is");
});

test("numerics are ordered by their values, though they come as text", () => {
  const rows = ["10", "-3", "9.5", "NaN"].map((n) => ({ n }));
  const found = arrange(rows, [{ name: "n", type: "numeric" }], by("n"), "");
  assert.deepEqual(
    found.filter(({ n }) => n !== "NaN").map(({ n }) => n),
    ["-3", "9.5", "10"],
  );
});

test("of equal times the row with the largest number comes first, if the latest does", () => {
  const columns = [
    { name: "time", type: "timestamptz" },
    { name: "id", type: "int8" },
  ];
  const rows = [
    { time: "2026-01-01T00:00:00Z", id: 1 },
    { time: "2026-01-01T00:00:00Z", id: 2 },
  ];
  assert.deepEqual(
    arrange(rows, columns, by("time", true), "").map(({ id }) => id),
    [2, 1],
  );
});

test("rows that are put between the others are where a sort would put them", () => {
  let seed = 7;
  const random = (n) => {
    seed = (seed * 48271) % 2147483647;
    return seed % n;
  };
  const arrangement = new Arrangement();
  let rows = [];
  let order = by("count", true);
  let filter = "";
  for (let step = 0; step < 300; step += 1) {
    rows = rows.filter(() => random(5) > 0);
    const added = Array.from({ length: random(6) }, () => ({
      user: random(9) === 0 ? null : `user ${random(40)}`,
      count: random(9) === 0 ? null : random(20),
    }));
    rows = [...rows, ...added].sort(() => random(3) - 1);
    if (random(9) === 0 && rows.length > 0) rows.push(rows[0]); // there twice
    if (random(20) === 0) order = by("user", random(2) === 0);
    if (random(20) === 0) filter = ["", "1", "user 2"][random(3)];
    const found = arrangement.update(rows, COLUMNS, order, filter);
    const expected = arrange(rows, COLUMNS, order, filter);
    assert.deepEqual(found, expected);
  }
});

test("a filter keeps rows that have each of its words, in any column and case", () => {
  const found = (filter) => users(arrange(ROWS, COLUMNS, by("user"), filter));
  assert.deepEqual(found("b 9"), ["Abe", "Bob"]);
  assert.deepEqual(found("ALICE"), ["Alice"]);
  assert.deepEqual(found("null"), ["Carol", null]);
  assert.deepEqual(found("b nothing"), []);
  assert.equal(found("  ").length, 5);
});

test("intervals and numbers that are none are in the order of SQL", () => {
  const sorted = (type, values, descending = false) =>
    arrange(
      values.map((v) => ({ v })),
      [{ name: "v", type }],
      { column: "v", descending },
      "",
    ).map(({ v }) => v);
  const intervals = [
    "-00:00:01",
    "9:00:00",
    "695:00:00",
    "1 mon -1 days",
    "1 mon",
    "1 year 00:00:01",
  ];
  assert.deepEqual(sorted("interval", [...intervals].reverse()), intervals);
  const floats = [-Infinity, -1, 0, 7.5, Infinity, Number.NaN];
  for (const mixed of [[Number.NaN, 7.5, -Infinity, 0, Infinity, -1], [...floats].reverse()]) {
    assert.deepEqual(sorted("float8", mixed), floats);
    assert.deepEqual(sorted("float8", mixed, true), [...floats].reverse());
  }
  assert.deepEqual(sorted("numeric", ["NaN", "10", "9.5", "-Infinity"]), [
    "-Infinity",
    "9.5",
    "10",
    "NaN",
  ]);
});

test("values look as their types ask for", () => {
  assert.equal(describeValue(null, "text").kind, "null");
  assert.equal(describeValue("NULL", "text").kind, "text");
  assert.equal(describeValue("", "text").kind, "empty");
  assert.deepEqual(describeValue(2n ** 60n, "int8").text, "1152921504606846976");
  assert.equal(describeValue(true, "bool").text, "true");
  assert.equal(describeValue("\u202egpj.exe", "text").text, "⟨U+202E⟩gpj.exe");
  assert.equal(describeValue("2026-01-02T03:04:05Z", "timestamptz").full, "2026-01-02T03:04:05Z");
  assert.match(
    describeValue("2026-01-02T03:04:05Z", "timestamptz").text,
    /^2026-01-0\d \d\d:04:05$/,
  );
  assert.equal(describeValue("infinity", "timestamptz").text, "infinity");
  assert.deepEqual(["int4", "numeric", "date", "jsonb", "bool", "uuid"].map(kindOf), [
    "number",
    "number",
    "time",
    "json",
    "bool",
    "text",
  ]);
});

test("only addresses of the web are links", () => {
  const linkOf = (text) => describeValue(text, "text").link;
  assert.equal(linkOf("https://en.wikipedia.org/w/?diff=1"), "https://en.wikipedia.org/w/?diff=1");
  for (const text of [
    "javascript:alert(1)",
    " https://a",
    "https://a b",
    "http",
    "data:text/html,x",
  ])
    assert.equal(linkOf(text), null);
});

test("a column is as wide as most of its values, within bounds", () => {
  assert.ok(widthOf(COUNT, []) >= "count".length);
  const rows = Array.from({ length: 100 }, () => ({ user: "x".repeat(20) }));
  assert.ok(widthOf(USER, rows) >= 20);
  assert.ok(widthOf(USER, [{ user: "x".repeat(5000) }]) <= 44);
});

test("a changed row flashes where it changed, a new one as a whole, and only for a moment", () => {
  const changes = new Changes();
  const before = { user: "Bob", count: 9 };
  const after = { user: "Bob", count: 10 };
  const fresh = { user: "Carol", count: 1 };
  changes.add({ lower: 5, inserted: [after, fresh], deleted: [before] }, 1000);
  assert.deepEqual(changes.of(after, 1100), new Set(["count"]));
  assert.equal(changes.of(fresh, 1100), null);
  assert.equal(changes.of(before, 1100), undefined);
  assert.equal(changes.of(after, 2500), undefined);
});

test("the rows of a base are no news, nor is a change of everything", () => {
  const changes = new Changes();
  const row = { user: "Bob", count: 9 };
  changes.add({ lower: null, inserted: [row], deleted: [] }, 1000);
  assert.equal(changes.of(row, 1000), undefined);
  const many = Array.from({ length: 61 }, (_, count) => ({ user: "x", count }));
  changes.add({ lower: 5, inserted: many, deleted: [] }, 1000);
  assert.equal(changes.of(many[0], 1000), undefined);
  const one = [{ user: "y", count: 1 }];
  changes.add({ lower: 6, inserted: one, deleted: [] }, 1500);
  assert.equal(changes.of(one[0], 1500), undefined, "not while everything changes");
  changes.add({ lower: 7, inserted: one, deleted: [] }, 2100);
  assert.equal(changes.of(one[0], 2100), null);
});

test("many small changes within a second are one of everything", () => {
  const changes = new Changes();
  const rows = Array.from({ length: 61 }, (_, count) => ({ user: "x", count }));
  for (const [at, row] of rows.entries())
    changes.add({ lower: 5, inserted: [row], deleted: [] }, at);
  assert.equal(changes.of(rows[60], 61), undefined);
});

test("the one row of a counter changes, it is not another one", () => {
  const changes = new Changes();
  changes.add({ lower: 5, inserted: [{ count: 2 }], deleted: [{ count: 1 }] }, 0);
  assert.deepEqual(changes.of({ count: 2 }, 0), new Set(["count"]));
});

test("CSV quotes what needs it, tells NULL from an empty text, and runs nowhere", () => {
  const rows = [
    { user: 'a "b", c', count: -1 },
    { user: null, count: null },
    { user: "", count: 2n ** 60n },
    { user: "=HYPERLINK(1)", count: 0 },
    { user: "two\nlines", count: 3 },
  ];
  assert.equal(
    toCsv(COLUMNS, rows),
    'user,count\r\n"a ""b"", c",-1\r\n,\r\n"",1152921504606846976\r\n' +
      '\'=HYPERLINK(1),0\r\n"two\nlines",3\r\n',
  );
});

test("comments of a definition say what it is for", () => {
  const sql = "CREATE VIEW v AS\n-- What it is.\n-- Why.\nSELECT '--' AS x\n";
  assert.deepEqual(splitSql(sql), {
    purpose: "What it is. Why.",
    statement: "CREATE VIEW v AS\nSELECT '--' AS x",
  });
  assert.deepEqual(splitSql(""), { purpose: "", statement: "" });
});
