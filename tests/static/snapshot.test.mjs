// Snapshots, keyed changes, int8, and large views.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ALICE, BOB, base, changesOf, chooser, delta, live, status, World } from "./fakes.mjs";

const alice = { user: "Alice", count: 12 };
const bob = { user: "Bob", count: 9 };

test("int8 is a number where that is exact, a BigInt beyond, or what the page asks for", () => {
  const rows = [
    ["exact", "9007199254740991"],
    ["beyond", "9007199254740993"],
  ];
  const counts = (int8) => {
    const { world, view } = live({ int8 });
    world.send(base(20, rows));
    return view.rows().map(({ count }) => count);
  };
  assert.deepEqual(counts(undefined), [9007199254740991, 9007199254740993n]);
  assert.deepEqual(counts("number"), [9007199254740991, 9007199254740993n]);
  assert.deepEqual(counts("bigint"), [9007199254740991n, 9007199254740993n]);
  assert.deepEqual(counts("string"), ["9007199254740991", "9007199254740993"]);
});

test("the snapshot is the same object until a row changes", () => {
  const { world, view } = live();
  const first = view.snapshot();
  assert.equal(view.snapshot(), first);
  world.send(delta(10, 20), status("stale", "why"), status("live"));
  assert.equal(view.snapshot(), first);
  world.send(delta(20, 30, [[21, 1, BOB]]));
  const second = view.snapshot();
  assert.notEqual(second, first);
  assert.deepEqual([...first], [alice]);
  assert.deepEqual([...second], [alice, bob]);
  assert.equal(second[0], first[0], "an unchanged row keeps its object");
});

test("changes that nobody looks at in between make one snapshot", () => {
  const { world, view } = live();
  const first = view.snapshot();
  for (let upper = 10; upper < 15; upper += 1) {
    world.send(delta(upper, upper + 1, [[upper, 1, BOB]]));
  }
  assert.equal(view.snapshot().length, 6);
  assert.equal(view.snapshot(), view.snapshot());
  assert.deepEqual([...first], [alice]);
});

test("a view without a base has an empty snapshot", () => {
  const snapshot = new World().follow().view("v").snapshot();
  assert.equal(snapshot.length, 0);
  assert.deepEqual([...snapshot], []);
});

test("rows() can be sorted by the page, unlike the snapshot, which others see", () => {
  const { world, view } = live();
  world.send(delta(10, 20, [[12, 1, BOB]]));
  const rows = view.rows();
  rows.reverse();
  assert.deepEqual([...view.snapshot()], [alice, bob]);
});

test("entries() has a row once that is there ten million times", () => {
  const { world, view } = live();
  assert.deepEqual(view.entries(), [[alice, 1]]);
  const seen = [];
  view.onChange((change) => seen.push(change.entries()));
  world.send(
    delta(10, 20, [
      [11, -1, ALICE],
      [11, 10_000_000, BOB],
    ]),
  );
  assert.deepEqual(view.entries(), [[bob, 10_000_000]]);
  assert.equal(view.size, 10_000_000);
  view.onChange((change) => seen.push(change.entries()))();
  const change = [
    [bob, 10_000_000],
    [alice, -1],
  ];
  assert.deepEqual(seen, [[[alice, 1]], change, [[bob, 10_000_000]]]);
});

test("entries of a change to other columns delete the old rows under the old ones", () => {
  const { world, view } = live();
  const seen = [];
  view.onChange((change) => seen.push(change.entries()));
  const columns = [{ name: "editor", type: "text" }];
  world.send(base(20, [["Alice"]], { columns, epoch: "1-u2", weights: [3] }));
  assert.deepEqual(seen[1], [
    [{ editor: "Alice" }, 3],
    [alice, -1],
  ]);
  assert.deepEqual(view.entries(), [[{ editor: "Alice" }, 3]]);
});

test("subscribers are called when rows or the standing change, and not as time passes", () => {
  const { world, view } = live();
  let calls = 0;
  const unsubscribe = view.subscribe(() => {
    calls += 1;
  });
  world.send(delta(10, 20), delta(20, 30));
  assert.equal(calls, 0);
  world.send(delta(30, 40, [[31, 1, BOB]]));
  assert.equal(calls, 1);
  world.send(status("stale", "no progress for 15 s"));
  assert.equal(calls, 2);
  unsubscribe();
  world.send(delta(40, 50, [[41, 1, BOB]]));
  assert.equal(calls, 2);
});

test("methods of a view work unbound", () => {
  const { view } = live();
  const { subscribe, snapshot, rows } = view;
  subscribe(() => {})();
  assert.deepEqual([...snapshot()], rows());
});

test("keyed changes pair the rows of a key", () => {
  const { world, view } = live({ keys: { v: "user" } });
  const changes = changesOf(view);
  const [alice13, carol, dora] = [
    ["Alice", "13"],
    ["Carol", "1"],
    ["Dora", "2"],
  ];
  world.send(
    delta(10, 20, [
      [11, -1, ALICE],
      [11, 1, alice13],
      [12, 1, carol],
    ]),
  );
  world.send(
    delta(20, 30, [
      [21, -1, carol],
      [21, 1, dora],
    ]),
  );
  assert.deepEqual(changes, [
    {
      lower: 10,
      upper: 20,
      inserted: [{ user: "Carol", count: 1 }],
      deleted: [],
      updated: [{ before: alice, after: { user: "Alice", count: 13 } }],
    },
    {
      lower: 20,
      upper: 30,
      inserted: [{ user: "Dora", count: 2 }],
      deleted: [{ user: "Carol", count: 1 }],
      updated: [],
    },
  ]);
});

test("rows of the same key are paired as often as there are two", () => {
  const { world, view } = live({ keys: { v: ["user"] } });
  const changes = changesOf(view);
  world.send(
    delta(10, 20, [
      [11, -1, ALICE],
      [11, 1, ["Alice", "1"]],
      [11, 1, ["Alice", "2"]],
    ]),
  );
  assert.equal(changes[0].updated.length, 1);
  assert.equal(changes[0].inserted.length, 1);
  assert.equal(changes[0].deleted.length, 0);
});

test("NULL and the text null are two keys", () => {
  const { world, view } = live({ keys: { v: "user" } });
  world.send(delta(10, 20, [[11, 1, [null, "1"]]]));
  const changes = changesOf(view);
  world.send(
    delta(20, 30, [
      [21, -1, [null, "1"]],
      [21, 1, ["null", "1"]],
    ]),
  );
  assert.deepEqual(changes[0].updated, []);
});

test("without keys nothing is updated", () => {
  const { world, view } = live();
  const changes = changesOf(view);
  world.send(
    delta(10, 20, [
      [11, -1, ALICE],
      [11, 1, ["Alice", "13"]],
    ]),
  );
  assert.deepEqual(changes[0].updated, []);
  assert.equal(changes[0].inserted.length + changes[0].deleted.length, 2);
});

test("keys of a view that is not followed are a mistake", () => {
  assert.throws(() => new World().follow({ keys: { w: "user" } }), /expected keys of v, found w/);
});

test("a key that is no column is reported, and the view works without it", (context) => {
  const later = context.mock.method(globalThis, "queueMicrotask", () => {});
  const { world, view } = live({ keys: { v: "editor" } });
  const message = /expected one of the columns of v \(user, count\) as key, found editor/;
  assert.throws(later.mock.calls[0].arguments[0], message);
  world.send(delta(10, 20, [[11, 1, BOB]]));
  assert.deepEqual([...view.snapshot()], [alice, bob]);
});

test("a row that replaces one of its key keeps the place", () => {
  const { world, view } = live({ keys: { v: "user" } });
  world.send(base(20, [ALICE, BOB, ["Carol", "3"]]));
  view.snapshot();
  const updates = [
    [21, -1, ALICE],
    [21, -1, BOB],
    [21, 1, ["Bob", "10"]],
    [21, 1, ["Alice", "13"]],
  ];
  world.send(delta(20, 30, updates));
  assert.deepEqual(
    view.snapshot().map(({ user, count }) => `${user} ${count}`),
    ["Alice 13", "Bob 10", "Carol 3"],
  );
});

test("snapshots equal the rows after any sequence of changes", () => {
  for (let seed = 0; seed < 200; seed += 1) {
    const choose = chooser(seed);
    const { world, view } = live({ keys: choose.chance(50) ? { v: "user" } : {} });
    const weights = new Map([[JSON.stringify(ALICE), 1]]);
    for (let upper = 11; upper < 40; upper += 1) {
      const updates = [];
      for (const user of ["Alice", "Bob", "Carol"]) {
        for (const count of ["12", "9"]) {
          const key = JSON.stringify([user, count]);
          const now = weights.get(key) ?? 0;
          const diff = choose.chance(60) ? 0 : choose.below(now + 3) - now;
          weights.set(key, now + diff);
          if (diff !== 0) updates.push([upper - 1, diff, [user, count]]);
        }
      }
      world.send(delta(upper - 1, upper, updates));
      if (choose.chance(30)) continue;
      const expected = [...weights].flatMap(([key, weight]) => Array(weight).fill(key));
      const shown = view.snapshot().map(({ user, count }) => JSON.stringify([user, `${count}`]));
      assert.deepEqual(shown.sort(), expected.sort(), `seed ${seed}`);
      assert.equal(view.size, expected.length);
      assert.ok(view.snapshot().every((row) => row !== undefined));
    }
  }
});

/** Each look at the clock takes a millisecond, so a turn is a known amount of work. */
function slowly(world) {
  let time = world.time;
  Object.defineProperty(world, "time", {
    get: () => {
      time += 1;
      return time;
    },
    set: (value) => {
      time = value;
    },
  });
}

const MANY = Array.from({ length: 20_000 }, (_, at) => [`user ${at}`, "1"]);

test("a large base is applied in turns; later messages wait, in order", () => {
  const { world, view } = live();
  slowly(world);
  world.send(base(50, MANY), delta(50, 60, [[55, 1, BOB]]));
  assert.equal(view.asOf, 10);
  let turns = 0;
  while (world.runDeferred()) turns += 1;
  assert.ok(turns > 5, `${turns} turns`);
  assert.equal(view.asOf, 60);
  assert.equal(view.rows().length, 20_001);
});

test("a large base whose connection ends half way changes nothing", () => {
  const { world, view } = live();
  slowly(world);
  world.send(base(50, MANY));
  world.end();
  while (world.runDeferred());
  assert.equal(view.asOf, 10);
  world.pass(1_000);
  assert.deepEqual(world.asked, ["v@1-u1:10"]);
  world.open();
  world.send(delta(10, 20));
  while (world.runDeferred());
  assert.equal(view.asOf, 20);
});

test("a change of one row costs a small part of a large view", () => {
  const { world, view } = live();
  world.send(base(20, MANY));
  while (world.runDeferred());
  const before = view.snapshot();
  const user = "user 7";
  world.send(
    delta(20, 30, [
      [21, -1, [user, "1"]],
      [21, 1, [user, "2"]],
    ]),
  );
  const after = view.snapshot();
  const changed = after.filter((row, at) => row !== before[at]);
  assert.deepEqual(changed, [{ user, count: 2 }], "all other rows keep their object and place");
});
