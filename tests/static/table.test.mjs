// Snapshots of many rows, against plain arrays.

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeReader } from "../../static/viewstream/change.js";
import { addAll } from "../../static/viewstream/multiset.js";
import { RowTable } from "../../static/viewstream/table.js";
import { chooser } from "./fakes.mjs";

const COLUMNS = [{ name: "id", type: "int8" }];
const keyOf = (id) => JSON.stringify([String(id)]);
const numbers = (length) => Array.from({ length }, (_, id) => ({ id }));

/** A table of `length` rows, and a function that changes it and its rows. */
function tableOf(length) {
  const rows = new Map(numbers(length).map(({ id }) => [keyOf(id), 1]));
  const table = new RowTable(rows, makeReader("v", COLUMNS, "number", []));
  /** @param {[number, number][]} diffs */
  const change = (diffs) => {
    const keyed = new Map(diffs.map(([id, diff]) => [keyOf(id), diff]));
    addAll(rows, keyed);
    table.apply(keyed, rows);
  };
  return { table, rows, change };
}

test("snapshots stay what they were, whatever changes later", () => {
  for (let seed = 0; seed < 30; seed += 1) {
    const choose = chooser(seed);
    const { table, rows, change } = tableOf(choose.below(800));
    const taken = [];
    for (let step = 0; step < 60; step += 1) {
      const ids = new Set(Array.from({ length: choose.below(40) }, () => choose.below(900)));
      const isEnd = choose.chance(5);
      const diffs = [...(isEnd ? numbers(900).map(({ id }) => id) : ids)].map((id) => {
        const weight = rows.get(keyOf(id)) ?? 0;
        return [id, isEnd ? -weight : choose.below(3) - Math.min(1, weight)];
      });
      change(diffs.filter(([, diff]) => diff !== 0));
      if (choose.chance(50)) continue;
      const snapshot = table.snapshot();
      assert.equal(table.snapshot(), snapshot);
      const expected = [...rows].flatMap(([key, weight]) => Array(weight).fill(key));
      const shown = snapshot.map(({ id }) => keyOf(id));
      assert.deepEqual(shown.sort(), expected.sort(), `seed ${seed}`);
      taken.push([snapshot, [...snapshot]]);
    }
    for (const [snapshot, array] of taken) {
      assert.equal(snapshot.length, array.length);
      assert.deepEqual(snapshot.toArray(), array, `seed ${seed}`);
    }
  }
});

test("a snapshot reads as an array does", () => {
  for (const length of [0, 1, 255, 256, 257, 700]) {
    const snapshot = tableOf(length).table.snapshot();
    const array = [...snapshot];
    assert.deepEqual(array, numbers(length));
    const places = [0, 1, 255, 256, 257, 600, length - 1, length, -1, -256, -length, -701, 2 ** 32];
    for (const place of [...places, 1.5, Infinity]) {
      assert.equal(snapshot.at(place), array.at(place), `at ${place} of ${length}`);
      for (const end of [undefined, ...places, Infinity]) {
        const [part, expected] = [snapshot, array].map((rows) => rows.slice(place, end));
        assert.deepEqual(part, expected, `slice ${place} to ${end} of ${length}`);
      }
    }
    for (const index of [0, 256, 699, 700]) assert.equal(snapshot[index], array[index]);
    assert.equal(snapshot[-1], undefined);
    assert.equal(snapshot.unknown, undefined);
    assert.deepEqual(Array.from(snapshot), array);
    assert.deepEqual(
      snapshot.map(({ id }) => id + 1),
      array.map(({ id }) => id + 1),
    );
    assert.equal(
      snapshot.find(({ id }) => id > 300),
      array.find(({ id }) => id > 300),
    );
    assert.equal(JSON.stringify(snapshot), JSON.stringify(array));
  }
});

test("a snapshot cannot be changed", () => {
  const snapshot = tableOf(3).table.snapshot();
  assert.throws(() => {
    snapshot[0] = 7;
  }, TypeError);
  snapshot.toArray().push(7);
  snapshot.reverse();
  assert.deepEqual([...snapshot], numbers(3));
});

/** How many elements `task` copies by `slice`. */
function countCopied(context, task) {
  const { slice } = Array.prototype;
  const restore = () => Object.assign(Array.prototype, { slice });
  context.after(restore);
  let copied = 0;
  Array.prototype.slice = function (...bounds) {
    const part = slice.apply(this, bounds);
    copied += part.length;
    return part;
  };
  task();
  restore();
  return copied;
}

test("a snapshot after a change copies a block, and not the list", (context) => {
  const { table, change } = tableOf(100_000);
  const snapshots = [table.snapshot()];
  const copied = countCopied(context, () => {
    for (const id of [7, 99_999]) {
      change([[id, -1]]);
      change([[id + 1_000_000, 1]]);
      snapshots.push(table.snapshot());
    }
  });
  assert.ok(copied > 0 && copied < 2_000, `${copied} elements`);
  assert.deepEqual(
    snapshots.map((snapshot) =>
      [7, 99_999, 1_000_007].map((id) => snapshot.some((row) => row.id === id)),
    ),
    [
      [true, true, false],
      [false, true, true],
      [false, false, true],
    ],
  );
});
