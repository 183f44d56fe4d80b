// The JavaScript client core against the vectors that the Python core runs, too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { listRows } from "../../static/viewstream/change.js";
import { addToChecksum, rowHash } from "../../static/viewstream/checksum.js";
import { readDelta } from "../../static/viewstream/delta.js";
import { MessageError } from "../../static/viewstream/messages.js";
import { checksumOf, countRows, difference } from "../../static/viewstream/multiset.js";
import { part, spellName } from "../../static/viewstream/names.js";
import { receive, receiveShort, ViewState } from "../../static/viewstream/state.js";
import { chooser, receiveAtOnce, receiveInSlices } from "./fakes.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url)));
const sorted = (list) => list.map((entry) => JSON.stringify(entry)).sort();

function described(change) {
  if (change === null) return null;
  const { epoch, lower, upper, rows } = change;
  return {
    epoch,
    lower,
    upper,
    rows: sorted([...rows].map(([key, weight]) => [weight, JSON.parse(key)])),
  };
}

/** Run the steps of a vector; `receive` applies a message. */
function play({ steps, max_buffered: maxBuffered }, receive) {
  const state = new ViewState("v", { maxBuffered });
  for (const step of steps) {
    if (step.disconnected) {
      state.disconnect();
    } else if (step.refused) {
      assert.throws(
        () => receive(state, step.receive),
        (error) => error instanceof MessageError && error.code === step.refused,
      );
    } else {
      const { change } = step;
      const expected = change && { ...change, rows: sorted(change.rows) };
      assert.deepEqual(described(receive(state, step.receive)), expected);
    }
    if ("rows" in step) assert.deepEqual(sorted(listRows(state.rows, 1)), sorted(step.rows));
    if ("columns" in step) {
      assert.deepEqual(
        state.columns.map(({ name }) => name),
        step.columns,
      );
    }
    if ("resume" in step) assert.equal(state.request, step.resume);
    if ("unverified" in step) assert.equal(state.unverified, step.unverified);
    if ("status" in step) {
      const { status } = state;
      assert.deepEqual(status && [status.state, status.reason], step.status);
    }
  }
}

for (const vector of read("client.json")) {
  test(vector.name, () => play(vector, receiveAtOnce));
  test(`${vector.name}, in slices`, () => play(vector, receiveInSlices));
}

const checksums = read("checksum.json");

for (const { why, row, hash } of checksums.rows) {
  test(`row hash: ${why}`, () => assert.equal(rowHash(JSON.stringify(row)), hash));
}

for (const { why, weighted, checksum } of checksums.multisets) {
  test(`checksum: ${why}`, () => {
    let sum = 0;
    for (const [weight, row] of weighted) {
      sum = addToChecksum(sum, weight, rowHash(JSON.stringify(row)));
    }
    assert.equal(sum, checksum);
  });
}

const COLUMNS = [{ name: "user", type: "text" }];
const EPOCH = "1-u1";

function bigBase(upper, size) {
  const rows = Array.from({ length: size }, (_, at) => [`user ${at}`]);
  return { type: "base", view: "v", epoch: EPOCH, upper, columns: COLUMNS, rows };
}

const base = bigBase(5, 1);
const delta = { type: "delta", view: "v", epoch: EPOCH, lower: 5, upper: 10, updates: [] };

test("a large base is applied in slices, and changes nothing until the last one", () => {
  const state = new ViewState("v");
  receiveAtOnce(state, bigBase(5, 3));
  const task = receive(state, bigBase(10, 5_000));
  let pauses = 0;
  while (!task.next().done) {
    pauses += 1;
    if (state.replica.frontier === 5) assert.equal(state.rows.size, 3);
  }
  assert.ok(pauses > 20, `${pauses} pauses`);
  assert.equal(state.request, "v@1-u1:10");
  assert.equal(state.rows.size, 5_000);
});

test("a message that is abandoned half way changes nothing", () => {
  const state = new ViewState("v");
  receiveAtOnce(state, bigBase(5, 600));
  const updates = Array.from({ length: 600 }, (_, at) => [6, 1, [`new ${at}`]]);
  const delta = { type: "delta", view: "v", epoch: EPOCH, lower: 5, upper: 10, updates };
  const task = receive(state, delta);
  assert.equal(task.next().done, false);
  task.return();
  assert.equal(state.request, "v@1-u1:5");
  assert.equal(state.rows.size, 600);
});

/** Count the pauses of a generator, and return them with its result. */
function finish(task) {
  let pauses = 0;
  let step = task.next();
  for (; !step.done; step = task.next()) pauses += 1;
  return { pauses, result: step.value };
}

test("every function that visits all rows pauses every 256 rows", () => {
  const list = Array.from({ length: 2_600 }, (_, at) => [`user ${at}`]);
  const updates = list.map((row) => [6, 1, row]);
  const rows = finish(countRows(list, 1)).result;
  const none = new Map();
  const replica = { columns: COLUMNS, rows: none, checksum: 0 };
  for (const [name, task] of [
    ["countRows", countRows(list, 1)],
    ["readDelta", readDelta({ ...replica, frontier: 0 }, { updates })],
    ["readDelta of old updates", readDelta({ ...replica, frontier: 9 }, { updates })],
    ["checksumOf", checksumOf(rows)],
    ["difference of inserted rows", difference(none, rows)],
    ["difference of deleted rows", difference(rows, none)],
  ]) {
    assert.equal(finish(task).pauses, 10, name);
  }
  assert.equal(finish(difference(rows, rows)).pauses, 20);
});

/** All orders of a list. */
function orders(list) {
  if (list.length < 2) return [list];
  return list.flatMap((first, at) =>
    orders(list.filter((_, other) => other !== at)).map((rest) => [first, ...rest]),
  );
}

test("buffered deltas are applied in the order of their intervals, whatever order they came in", () => {
  const intervals = [5, 10, 15, 20].map((lower) => ({ ...delta, lower, upper: lower + 5 }));
  for (const order of orders(intervals)) {
    const state = new ViewState("v");
    for (const each of order) receiveAtOnce(state, each);
    receiveAtOnce(state, base);
    assert.equal(state.request, "v@1-u1:25");
  }
});

test("a disconnect makes room in the buffer", () => {
  const state = new ViewState("v", { maxBuffered: 3 });
  for (let connection = 0; connection < 5; connection += 1) {
    receiveAtOnce(state, { ...delta, updates: [[6, 1, ["a"]]] });
    state.disconnect();
  }
  assert.equal(state.bufferedSize, 0);
});

test("what stays in the buffer after a base is counted exactly", () => {
  const state = new ViewState("v");
  const updates = [[6, 1, ["a"]]];
  receiveAtOnce(state, { ...delta, updates });
  receiveAtOnce(state, { ...delta, updates: [...updates, ...updates], epoch: "2-u1" });
  receiveAtOnce(state, base);
  assert.equal(state.bufferedSize, 3);
  assert.equal(state.request, "v@1-u1:10");
});

test("100,000 updates are buffered for a base, and no more", () => {
  const state = new ViewState("v");
  const updates = Array.from({ length: 9_999 }, () => [6, 1, ["a"]]);
  for (let count = 0; count < 10; count += 1) receiveAtOnce(state, { ...delta, updates });
  assert.throws(() => receiveAtOnce(state, delta), /no base of 1-u1 came before 100000 updates/);
});

test("an error names what was found", () => {
  const state = new ViewState("v");
  const message = { ...delta, updates: [[6, "1", ["a"]]] };
  assert.throws(() => receiveAtOnce(state, message), /^MessageError: .* as diff, found "1"$/);
});

for (const [why, updates, checksum] of [
  [
    "a row that is not there",
    [
      [1, "new"],
      [-1, "user 0"],
      [-1, "nobody"],
    ],
  ],
  [
    "more copies than there are",
    [
      [1, "new"],
      [-2, "user 0"],
    ],
  ],
  [
    "a row twice that is there once",
    [
      [-1, "user 0"],
      [-1, "user 1"],
      [-1, "user 0"],
    ],
  ],
  [
    "a wrong checksum",
    [
      [1, "new"],
      [1, "new"],
      [-1, "user 0"],
    ],
    1,
  ],
  [
    "a last row of another width",
    [
      [1, "new"],
      [-1, "user 0"],
      [1, "a", "b"],
    ],
  ],
]) {
  test(`a refused delta changes nothing: ${why}`, () => {
    for (const filler of [0, 600]) {
      const state = new ViewState("v");
      receiveAtOnce(state, bigBase(5, 3));
      const before = sorted([...state.rows]);
      const more = Array.from({ length: filler }, (_, at) => [1, `filler ${at}`]);
      const list = [...more, ...updates].map(([diff, ...row]) => [6, diff, row]);
      assert.throws(
        () => receiveAtOnce(state, { ...delta, updates: list, checksum }),
        MessageError,
      );
      assert.deepEqual(sorted([...state.rows]), before);
      assert.equal(state.position, null);
    }
  });
}

/** Apply `count` deltas that replace the only row of a view, without a checksum. */
function replaceRow(state, count) {
  for (let done = 0; done < count; done += 1) {
    const lower = state.position.frontier;
    const updates = [
      [lower, -1, [`user ${done}`]],
      [lower, 1, [`user ${done + 1}`]],
    ];
    receiveAtOnce(state, { ...delta, lower, upper: lower + 1, updates });
  }
}

/** The checksum of a view whose only row is that of `user`. */
const checksumOfUser = (user) => addToChecksum(0, 1, rowHash(JSON.stringify([`user ${user}`])));

test("a view that changes more often than it has rows is hashed when a checksum comes", () => {
  const state = new ViewState("v");
  receiveAtOnce(state, { ...base, checksum: checksumOfUser(0) });
  replaceRow(state, 3);
  assert.equal(state.replica.checksum, null);
  const next = { ...delta, lower: 8, upper: 9, checksum: checksumOfUser(3) };
  assert.equal(receiveShort(state, next), undefined, "all rows must be hashed");
  receiveAtOnce(state, next);
  assert.equal(state.replica.checksum, next.checksum);
  assert.throws(
    () => receiveAtOnce(state, { ...next, lower: 9, upper: 10, checksum: 1 }),
    /^MessageError: at 10 the checksum is/,
  );
});

test("a wrong checksum is noticed, however many changes came before it", () => {
  for (let changes = 0; changes < 6; changes += 1) {
    const state = new ViewState("v");
    receiveAtOnce(state, { ...base, checksum: checksumOfUser(0) });
    replaceRow(state, changes);
    const lower = state.position.frontier;
    const wrong = { ...delta, lower, upper: lower + 1, checksum: checksumOfUser(changes + 1) };
    assert.throws(() => receiveAtOnce(state, wrong), MessageError);
  }
});

test("checksums of random deltas fit, whichever of them carry one", () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const choose = chooser(seed);
    const states = [new ViewState("v"), new ViewState("v")];
    const weights = new Map(Array.from({ length: 20 }, (_, at) => [`["user ${at}"]`, 1]));
    for (const state of states) receiveAtOnce(state, bigBase(5, 20));
    for (let lower = 5; lower < 60; lower += 1) {
      const updates = Array.from({ length: choose.below(8) }, () => {
        const row = [`user ${choose.below(30)}`];
        const key = JSON.stringify(row);
        const diff = choose.below(4) - Math.min(1, weights.get(key) ?? 0);
        weights.set(key, (weights.get(key) ?? 0) + diff);
        return [lower, diff, row];
      });
      const checksum = choose.chance(20)
        ? [...weights].reduce((sum, [key, weight]) => addToChecksum(sum, weight, rowHash(key)), 0)
        : undefined;
      const message = { ...delta, lower, upper: lower + 1, updates, checksum };
      const changes = [receiveAtOnce(states[0], message), receiveInSlices(states[1], message)];
      assert.deepEqual(described(changes[0]), described(changes[1]));
    }
    for (const state of states) assert.equal(state.failures, 0, `seed ${seed}`);
  }
});

test("a row that is deleted before it is inserted, in one delta, is no failure", () => {
  const state = new ViewState("v");
  receiveAtOnce(state, base);
  const updates = [
    [6, -1, ["new"]],
    [6, -1, ["user 0"]],
    [7, 2, ["new"]],
  ];
  const change = receiveAtOnce(state, { ...delta, updates });
  assert.deepEqual(
    sorted([...change.rows]),
    sorted([
      ['["new"]', 1],
      ['["user 0"]', -1],
    ]),
  );
  assert.deepEqual([...state.rows], [['["new"]', 1]]);
});

test("a change that is read late is still that of its delta", () => {
  const state = new ViewState("v");
  receiveAtOnce(state, base);
  const first = receiveAtOnce(state, { ...delta, updates: [[6, 1, ["new"]]] });
  receiveAtOnce(state, { ...delta, lower: 10, upper: 20, updates: [[11, 1, ["new"]]] });
  assert.deepEqual([...first.rows], [['["new"]', 1]]);
});

test("messages of an unknown type are ignored", () => {
  const state = new ViewState("v");
  assert.equal(receiveAtOnce(state, { type: "weather", view: "v" }), null);
});

for (const [what, message] of [
  ["an upper that is text", { ...base, upper: "6" }],
  ["an upper that is not whole", { ...base, upper: 6.5 }],
  ["an upper above 2^53-1", { ...base, upper: 2 ** 53 }],
  ["no columns", { ...base, upper: 6, columns: undefined }],
  ["a column without a type", { ...base, upper: 6, columns: [{ name: "user" }] }],
  ["rows that are objects", { ...base, upper: 6, rows: [{ user: "Alice" }] }],
  ["a row with a number", { ...base, upper: 6, rows: [[1]] }],
  ["a row that is too long", { ...base, upper: 6, rows: [["a", "b"]] }],
  ["no epoch", { ...base, upper: 6, epoch: undefined }],
  ["a lower that is missing", { ...delta, lower: undefined }],
  ["no updates", { ...delta, updates: undefined }],
  ["an update of two parts", { ...delta, updates: [[6, 1]] }],
  ["an update of null", { ...delta, updates: [null] }],
  ["a diff that is text", { ...delta, updates: [[6, "1", ["a"]]] }],
  ["a row in an update that is text", { ...delta, updates: [[6, 1, "a"]] }],
]) {
  test(`rejected: ${what}`, () => {
    const state = new ViewState("v");
    receiveAtOnce(state, base);
    assert.throws(
      () => receiveAtOnce(state, message),
      (error) => error.code === 4000 && error.message.startsWith("expected "),
    );
    assert.equal(state.rows.size, 1);
    assert.equal(state.request, "v");
  });
}

for (const { why, text, name, spelled } of read("names.json").names) {
  test(`a name: ${why}`, () => {
    assert.equal(spellName(text), spelled);
    assert.equal(spellName(spelled), spelled);
    if (name.part) assert.equal(part(name.view, name.part.column, name.part.value), spelled);
  });
}

test("a text that names no part stays as it is", () => {
  for (const text of read("names.json").malformed) assert.equal(spellName(text), text);
});
