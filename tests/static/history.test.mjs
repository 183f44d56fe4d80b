// The recent past of a view: exact at every kept time, and bounded.

import assert from "node:assert/strict";
import { test } from "node:test";

import { History, milliseconds } from "../../static/viewstream/history.js";
import { ViewState } from "../../static/viewstream/state.js";
import { ALICE, BOB, base, delta, forSeeds, live, receiveAtOnce } from "./fakes.mjs";

const users = (rows) => rows?.map(({ user }) => user).sort() ?? null;

test("a view can be read at any kept time", () => {
  const { world, view } = live({ keep: "5m" });
  world.send(
    delta(10, 20, [
      [12, 1, BOB],
      [15, -1, ALICE],
    ]),
    delta(20, 30),
  );
  assert.deepEqual(view.kept, { from: 9, to: 29 });
  for (const [time, expected] of [
    [8, null],
    [9, ["Alice"]],
    [11, ["Alice"]],
    [12, ["Alice", "Bob"]],
    [14, ["Alice", "Bob"]],
    [15, ["Bob"]],
    [29, ["Bob"]],
    [30, null],
  ]) {
    assert.deepEqual(users(view.at(time)), expected, `at ${time}`);
  }
});

test("without keep nothing is kept", () => {
  const { view } = live();
  assert.equal(view.kept, null);
  assert.equal(view.at(9), null);
});

test("before the first base nothing is kept", () => {
  assert.equal(new History(1000, 1000).kept, null);
});

test("within a folded delta the rows are not known", () => {
  const { world, view } = live({ keep: "5m" });
  world.send(delta(10, 20, [[19, 1, BOB]], { folded: true }));
  assert.deepEqual(users(view.at(9)), ["Alice"]);
  assert.equal(view.at(10), null);
  assert.equal(view.at(18), null);
  assert.deepEqual(users(view.at(19)), ["Alice", "Bob"]);
});

test("the past survives a base of the same epoch, and ends with the epoch", () => {
  const { world, view } = live({ keep: "5m" });
  world.send(delta(10, 20, [[12, 1, BOB]]), base(30, [BOB]));
  assert.deepEqual(users(view.at(15)), ["Alice", "Bob"]);
  assert.equal(view.at(25), null);
  assert.deepEqual(users(view.at(29)), ["Bob"]);
  world.send(base(40, [ALICE], { epoch: "2-u1" }));
  assert.deepEqual(view.kept, { from: 39, to: 39 });
});

test("only the last minutes are kept", () => {
  const { world, view } = live({ keep: 1_000 });
  for (let time = 10; time < 5_000; time += 10) {
    world.send(delta(time, time + 10, [[time, time % 20 === 10 ? 1 : -1, BOB]]));
    assert.ok(view.kept.to - view.kept.from <= 1_020, JSON.stringify(view.kept));
  }
  assert.ok(view.kept.to - view.kept.from >= 1_000);
  assert.notEqual(view.at(view.kept.from), null);
});

test("the bytes are bounded, whatever the time", () => {
  const { world, view } = live({ keep: { time: "1h", bytes: 100_000 } });
  const name = "x".repeat(1_000);
  for (let time = 10; time < 500; time += 1)
    world.send(delta(time, time + 1, [[time, 1, [name, "1"]]]));
  const count = view.kept.to - view.kept.from;
  assert.ok(count > 20 && count <= 50, `${count} changes of 2,000 bytes`);
});

test("updates that cancel are kept, too, and count", () => {
  const { world, view } = live({ keep: { time: "1h", bytes: 100_000 } });
  for (let time = 10; time < 100; time += 1) {
    const updates = Array.from({ length: 100 }, (_, at) => [time, at % 2 ? -1 : 1, BOB]);
    world.send(delta(time, time + 1, [...updates, [time, 1, BOB]]));
  }
  const count = view.kept.to - view.kept.from;
  assert.ok(count > 2 && count < 10, `${count} changes of about 14,000 bytes`);
});

test("a time long ago is as cheap to read as one just now", () => {
  const { world, view } = live({ keep: { time: "1h", bytes: 1e9 } });
  for (let time = 10; time < 20_000; time += 1) {
    world.send(delta(time, time + 1, [[time, time % 2 ? -1 : 1, BOB]]));
  }
  const { set } = Map.prototype;
  let steps = 0;
  Map.prototype.set = function (...entry) {
    steps += 1;
    return set.apply(this, entry);
  };
  try {
    assert.deepEqual(users(view.at(11)), ["Alice"]);
  } finally {
    Map.prototype.set = set;
  }
  assert.ok(steps <= 2_100, `${steps} steps`);
});

test("progress without changes takes no memory", () => {
  const { world, view } = live({ keep: { time: "1h", bytes: 1_000 } });
  for (let time = 10; time < 5_000; time += 1) world.send(delta(time, time + 1));
  assert.deepEqual(view.kept, { from: 9, to: 4_999 });
});

test("durations", () => {
  assert.deepEqual(
    ["5m", "90s", "1h", "250ms", 7, "1.5s"].map(milliseconds),
    [300_000, 90_000, 3_600_000, 250, 7, 1_500],
  );
  for (const wrong of ["5 minutes", "", "m", -1, Number.NaN, {}]) {
    assert.throws(() => milliseconds(wrong), /expected a duration/, String(wrong));
  }
});

test("random histories: rows at each kept time are those of that time", () => {
  let reads = 0;
  forSeeds(400, (choose) => {
    const all = Array.from({ length: 40 }, (_, time) => [
      time,
      choose.chance(60) ? 1 : -1,
      choose.of([ALICE, BOB]),
    ]);
    // Weights may be negative here: the history does not care.
    const state = new ViewState("v");
    const history = new History(12 + choose.below(30), 1e6, 1 + choose.below(12));
    state.failures = 9; // deleted rows that were not there are accepted
    const send = (message) => {
      const change = receiveAtOnce(state, message);
      if (change) history.record(change, state.rows);
    };
    send(base(3, []));
    let lower = 3;
    const counted = (time) => {
      const sums = new Map();
      for (const [when, diff, row] of all) {
        if (when < 3 || when > time) continue;
        const key = JSON.stringify(row);
        sums.set(key, (sums.get(key) ?? 0) + diff);
        if (sums.get(key) === 0) sums.delete(key);
      }
      return [...sums].sort();
    };
    while (lower < 40) {
      const upper = Math.min(40, lower + 1 + choose.below(6));
      const from = Math.max(3, lower - choose.below(3));
      const updates = all.filter(([time]) => time >= from && time < upper);
      const folded = choose.chance(20);
      const folding = updates
        .filter(([time]) => time >= lower)
        .map(([, diff, row]) => [upper - 1, diff, row]);
      send(folded ? delta(lower, upper, folding, { folded }) : delta(from, upper, updates));
      lower = upper;
      for (let time = 0; time < 41; time += 1) {
        const rows = history.at(time, state.rows);
        if (rows === null) continue;
        reads += 1;
        const shown = [...rows].sort();
        assert.deepEqual(shown, counted(time), `at ${time} of ${JSON.stringify(history.kept)}`);
      }
      assert.notEqual(history.at(upper - 1, state.rows), null);
    }
  });
  assert.ok(process.env.MODEL_SEED !== undefined || reads > 10_000, `${reads} reads`);
});
