// The core of the common time against histories that are known.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CommonTime, MAX_ASIDE } from "../../static/viewstream/common.js";
import { add } from "../../static/viewstream/multiset.js";
import { COLUMNS, forSeeds } from "./fakes.mjs";

const row = (count) => ["x", String(count)];

/** Applies every change to copies, as a page would. */
class Copies {
  rows = new Map();
  times = new Map();

  apply({ view, rows, upper, lower }) {
    const copy = this.rows.get(view) ?? new Map();
    if (lower !== null) assert.equal(lower, this.times.get(view), "adjacent intervals");
    for (const [key, weight] of rows) add(copy, key, weight);
    this.rows.set(view, copy);
    this.times.set(view, upper);
  }
}

const coreChange = (view, lower, upper, updates, isTimed) => {
  const rows = new Map();
  for (const [, diff, texts] of updates) add(rows, JSON.stringify(texts), diff);
  const change = { view, epoch: "1-u1", lower, upper, columns: COLUMNS, rows };
  return { ...change, updates: isTimed ? updates : null };
};

const summed = (updates) => {
  const sums = new Map();
  for (const [, diff, texts] of updates) {
    const key = JSON.stringify(texts);
    sums.set(key, (sums.get(key) ?? 0) + diff);
    if (sums.get(key) === 0) sums.delete(key);
  }
  return [...sums].sort();
};

test("random histories: all views are what they were at the common time", () => {
  let moved = 0;
  forSeeds(1500, (choose) => {
    const names = ["a", "b", "c"].slice(choose.below(2));
    const histories = new Map(
      names.map((name) => [
        name,
        Array.from({ length: 30 }, (_, time) => [
          time,
          choose.chance(50) ? 1 : -1,
          row(choose.below(3)),
        ]),
      ]),
    );
    const frontiers = new Map();
    const common = new CommonTime(names);
    const copies = new Copies();
    for (let turn = 0; turn < 40; turn += 1) {
      const name = choose.of(names);
      const history = histories.get(name);
      const lower = frontiers.get(name) ?? null;
      const isBase = lower === null || choose.chance(10);
      const upper = Math.min(30, (lower ?? 0) + 1 + choose.below(isBase ? 12 : 5));
      const covered = history.filter(([time]) => time >= (lower ?? 0) && time < upper);
      const isTimed = !isBase && choose.chance(70);
      common.push(coreChange(name, isBase ? null : lower, upper, covered, isTimed));
      frontiers.set(name, upper);
      for (const change of common.advance()) copies.apply(change);
      if (common.frontier === null) continue;
      moved += 1;
      assert.ok(common.frontier <= Math.min(...names.map((each) => frontiers.get(each) ?? 0)));
      for (const each of names) {
        const expected = summed(histories.get(each).filter(([time]) => time < common.frontier));
        const shown = [...copies.rows.get(each)].map(([key, weight]) => [key, weight]);
        assert.deepEqual(shown.sort(), expected, `${each} at ${common.frontier}`);
      }
    }
    for (const name of names) {
      const lower = frontiers.get(name) ?? 0;
      const rest = histories.get(name).filter(([time]) => time >= lower);
      common.push(coreChange(name, frontiers.has(name) ? lower : null, 30, rest, true));
      for (const change of common.advance()) copies.apply(change);
    }
    assert.equal(common.frontier, 30, "nothing is kept aside for ever");
  });
  assert.ok(process.env.MODEL_SEED !== undefined || moved > 10_000, `${moved} moments`);
});

test("what is shown is not kept aside any more", () => {
  const common = new CommonTime(["a", "b"]);
  for (const name of ["a", "b"]) common.push(coreChange(name, null, 1, [[0, 1, row(0)]], false));
  common.advance();
  assert.equal(common.aside, 0);
  for (let upper = 1; upper < 100; upper += 1) {
    for (const name of ["a", "b"]) {
      common.push(coreChange(name, upper, upper + 1, [[upper, 1, row(upper)]], true));
    }
    common.advance();
    assert.equal(common.aside, 0);
  }
});

test("what is kept aside while a view is stale is bounded by the size of the view", () => {
  const common = new CommonTime(["a", "b"]);
  common.push(coreChange("a", null, 1, [[0, 1, row(0)]], false));
  common.push(coreChange("b", null, 1, [[0, 1, row(0)]], false));
  common.advance();
  const updates = Array.from({ length: 1_000 }, (_, at) => [0, 0, row(at)]);
  let upper = 1;
  for (let total = 0; total < 3 * MAX_ASIDE; total += 1_000) {
    const sign = (upper % 2) * 2 - 1;
    const batch = updates.map(([, , texts]) => [upper, sign, texts]);
    common.push(coreChange("a", upper, upper + 1, batch, true));
    upper += 1;
    assert.ok(common.aside <= 3 * MAX_ASIDE, `${common.aside}`);
  }
  assert.ok(common.aside < MAX_ASIDE + 5_000, `${common.aside}`);
  common.push(coreChange("b", 1, upper, [], true));
  const [change] = common.advance();
  assert.deepEqual([change.lower, change.upper], [1, upper]);
});
