// Views as a page sees them: rows, snapshots, changes, standing, listeners.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ALICE,
  BOB,
  base,
  COLUMNS,
  changesOf,
  delta,
  EPOCH,
  live,
  status,
  World,
} from "./fakes.mjs";

const alice = { user: "Alice", count: 12 };
const bob = { user: "Bob", count: 9 };

test("reports what changed, typed, at each consistent point", () => {
  const { world, view } = live();
  const changes = [];
  view.onChange(({ lower, upper, inserted, deleted }) =>
    changes.push({ lower, upper, inserted, deleted }),
  );
  const alice13 = { user: "Alice", count: 13 };
  const updates = [
    [12, -1, ALICE],
    [12, 2, ["Alice", "13"]],
  ];
  world.send(delta(10, 20, updates), delta(20, 30));
  assert.deepEqual(changes, [
    { lower: null, upper: 10, inserted: [alice], deleted: [] },
    { lower: 10, upper: 20, inserted: [alice13, alice13], deleted: [alice] },
    { lower: 20, upper: 30, inserted: [], deleted: [] },
  ]);
  assert.deepEqual(view.rows(), [alice13, alice13]);
  assert.equal(view.size, 2);
  assert.equal(view.asOf, 30);
});

test("a change names its view and its epoch", () => {
  const { world, view } = live();
  const names = [];
  view.onChange((change) => names.push([change.view, change.epoch]));
  world.send(base(3, [BOB], { epoch: "2-u2" }));
  assert.deepEqual(names, [
    ["v", "1-u1"],
    ["v", "2-u2"],
  ]);
});

test("an empty view is loaded, and empty", () => {
  const world = new World();
  const view = world.follow().view("v");
  assert.equal(view.loaded, false);
  assert.deepEqual([...view.snapshot()], []);
  world.open();
  world.send(base(10, []));
  assert.equal(view.loaded, true);
  assert.deepEqual(view.rows(), []);
  assert.equal(view.standing.state, "live");
});

test("a base on reconnect reports the difference only", () => {
  const { world, view } = live();
  const changes = changesOf(view);
  world.end();
  world.pass(500);
  world.open();
  world.send(base(20, [ALICE, BOB]));
  assert.deepEqual(changes, [
    { lower: null, upper: 20, inserted: [bob], deleted: [], updated: [] },
  ]);
  world.send(base(30, [BOB]));
  assert.deepEqual(changes[1].deleted, [alice]);
  assert.deepEqual(changes[1].inserted, []);
});

test("a base that brings nothing new changes neither the snapshot nor calls a subscriber", () => {
  const { world, view } = live();
  const before = view.snapshot();
  let calls = 0;
  view.subscribe(() => {
    calls += 1;
  });
  world.send(base(20, [ALICE]));
  assert.equal(view.snapshot(), before);
  assert.equal(calls, 0);
});

test("a view replaced by one of other columns is reported under the right names and types", () => {
  const { world, view } = live();
  const changes = changesOf(view);
  const columns = [
    { name: "editor", type: "text" },
    { name: "share", type: "numeric" },
  ];
  world.send(base(3, [ALICE, BOB], { epoch: "2-u2", columns }));
  const rows = [
    { editor: "Alice", share: "12" },
    { editor: "Bob", share: "9" },
  ];
  assert.deepEqual(changes[0].deleted, [alice]);
  assert.deepEqual(changes[0].inserted, rows);
  assert.deepEqual([...view.snapshot()], rows);
  assert.deepEqual(view.columns, columns);
});

test("a view that can no longer change is known for ever", () => {
  const { world, view } = live();
  world.send(base(Number.MAX_SAFE_INTEGER, [BOB]));
  assert.equal(view.asOf, Infinity);
});

test("the standing, from the first attempt to the end", () => {
  const world = new World();
  const stream = world.follow();
  const standings = [];
  stream.view("v").onStanding(({ state, reason }) => standings.push([state, reason]));
  world.open();
  world.send(status("waiting", "the engine does not answer"));
  world.send(base(10, [ALICE]), status("live"));
  world.send(status("live", "nothing was posted for 7.5 s"));
  world.send(status("stale", "no progress for 15 s"), delta(10, 20), status("live"));
  world.end();
  world.pass(500);
  world.open();
  assert.deepEqual(standings.at(-1), ["connecting", ""]);
  world.send(delta(20, 20));
  stream.close();
  assert.deepEqual(standings, [
    ["connecting", ""],
    ["waiting", "the engine does not answer"],
    ["live", ""],
    ["live", "nothing was posted for 7.5 s"],
    ["stale", "no progress for 15 s"],
    ["live", ""],
    ["connecting", ""],
    ["live", ""],
    ["closed", ""],
  ]);
});

test("a listener of the standing can be removed", () => {
  const { world, view } = live();
  const states = [];
  const remove = view.onStanding(({ state }) => states.push(state));
  remove();
  world.send(status("stale", "no progress for 15 s"));
  assert.deepEqual(states, ["live"]);
});

test("a standing says since when", () => {
  const { world, view } = live();
  const since = world.time;
  world.pass(1_000);
  world.send(delta(10, 20));
  assert.equal(view.standing.since, since);
  world.send(status("stale", "no progress for 15 s"));
  assert.equal(view.standing.since, since + 1_000);
  world.pass(1_000);
  world.send(status("stale", "no progress for 16 s"));
  assert.equal(view.standing.since, since + 1_000);
});

test("an unknown state leaves a view live", () => {
  const { world, view } = live();
  world.send(status("sparkling"));
  assert.equal(view.standing.state, "live");
});

test("asking for a view that is not followed names those that are", () => {
  const { stream } = live();
  assert.throws(() => stream.view("w"), /expected a view that this stream follows \(v\), found w/);
});

test("a listener may close the stream", () => {
  const { world, stream, view } = live();
  view.onChange(({ lower }) => lower !== null && stream.close());
  world.send(delta(10, 20));
  assert.equal(view.standing.state, "closed");
});

test("a listener may close the stream when the connection is lost", () => {
  const world = new World();
  const stream = world.follow({ views: ["v", "w"] });
  world.open();
  world.send(base(10, [ALICE]), base(10, [ALICE], { view: "w" }));
  stream.view("v").onStanding(({ state }) => state === "connecting" && stream.close());
  world.end();
  world.pass(60_000);
  assert.equal(stream.view("v").standing.state, "closed");
  assert.equal(stream.view("w").standing.state, "closed");
  assert.equal(world.sockets.length, 1);
});

test("a listener may wake the stream when the connection is lost", () => {
  const { world, stream, view } = live();
  view.onStanding(({ state }) => state === "connecting" && stream.wake());
  world.end();
  world.pass(5_000);
  assert.equal(world.sockets.length, 2);
});

test("a listener that throws stops nobody else, and its error is reported", (context) => {
  const { world, view } = live();
  const later = context.mock.method(globalThis, "queueMicrotask", () => {});
  let calls = 0;
  view.onChange(({ lower }) => {
    if (lower !== null) throw new Error("a bug in the page");
  });
  view.onChange(() => {
    calls += 1;
  });
  world.send(delta(10, 20));
  assert.equal(calls, 2);
  assert.equal(view.asOf, 20);
  assert.throws(later.mock.calls[0].arguments[0], /a bug in the page/);
});

test("a listener that was removed is not called any more, not even by the running call", () => {
  const { world, view } = live();
  const calls = [];
  const removals = [];
  view.onChange(({ lower }) => {
    if (lower === null) return;
    calls.push("first");
    removals.forEach((remove) => {
      remove();
    });
  });
  removals.push(view.onChange(({ lower }) => lower !== null && calls.push("second")));
  world.send(delta(10, 20), delta(20, 30));
  assert.deepEqual(calls, ["first", "first"]);
});

test("a listener that a listener adds gets the rows once, and then each change once", () => {
  const { world, view } = live();
  const calls = [];
  let isAdded = false;
  view.onChange(({ lower }) => {
    if (lower === null || isAdded) return;
    isAdded = true;
    view.onChange((change) => calls.push([change.lower, change.upper]));
  });
  world.send(delta(10, 20), delta(20, 30));
  assert.deepEqual(calls, [
    [null, 20],
    [20, 30],
  ]);
});

test("a bug of the library ends the connection, and is reported", () => {
  const { world, view } = live();
  const broken = {
    type: "status",
    view: "v",
    get state() {
      throw new TypeError("a bug");
    },
  };
  const parse = JSON.parse;
  JSON.parse = () => broken;
  try {
    assert.throws(() => world.send("{}"), /a bug/);
  } finally {
    JSON.parse = parse;
  }
  assert.equal(world.socket.closes[0][0], 4000);
  world.pass(500);
  assert.deepEqual(world.asked, ["v"]);
  assert.equal(view.rows().length, 1);
});

test("columns and epoch are those of the base", () => {
  const { view } = live();
  assert.deepEqual(view.columns, COLUMNS);
  assert.deepEqual(view.position, { epoch: EPOCH, frontier: 10 });
});
