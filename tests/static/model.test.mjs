// Random histories, random messages in any order: the rows are those of the reported position.
//
// MODEL_SEED repeats one run, MODEL_RUNS sets how many there are.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addToChecksum, rowHash } from "../../static/viewstream/checksum.js";
import { MessageError } from "../../static/viewstream/messages.js";
import { ViewState } from "../../static/viewstream/state.js";
import { COLUMNS, forSeeds, receiveAtOnce } from "./fakes.mjs";

const RUNS = Number(process.env.MODEL_RUNS ?? 3000);
const ROWS = [
  ["Alice", "1"],
  ["Alice", "2"],
  ["Bob", "1"],
  [null, ""],
];
const END = 12;

/** One epoch's history: updates `[time, diff, row]` that never delete more than there is. */
class History {
  constructor(epoch, choose) {
    this.epoch = epoch;
    this.updates = [];
    const weights = new Map();
    for (let time = 0; time < END; time += 1) {
      for (const row of ROWS) {
        const key = JSON.stringify(row);
        const count = weights.get(key) ?? 0;
        const diff = choose.chance(60) ? 0 : choose.below(count + 3) - count;
        if (diff !== 0) this.updates.push([time, diff, row]);
        weights.set(key, count + diff);
      }
    }
  }

  /** The weight of each row just before `frontier`, by its JSON. */
  at(frontier) {
    return summed(this.updates.filter(([time]) => time < frontier));
  }

  checksum(frontier) {
    let checksum = 0;
    for (const [key, weight] of this.at(frontier)) {
      checksum = addToChecksum(checksum, weight, rowHash(key));
    }
    return checksum;
  }

  base(upper) {
    const copies = ([key, weight]) => Array(weight).fill(JSON.parse(key));
    const rows = [...this.at(upper)].flatMap(copies);
    return { type: "base", view: "v", epoch: this.epoch, upper, columns: COLUMNS, rows };
  }

  delta(lower, upper, folded) {
    let updates = this.updates.filter(([time]) => time >= lower && time < upper);
    if (folded) {
      updates = [...summed(updates)].map(([key, diff]) => [upper - 1, diff, JSON.parse(key)]);
    }
    const delta = { type: "delta", view: "v", epoch: this.epoch, lower, upper, updates };
    return folded ? { ...delta, folded } : delta;
  }
}

function summed(updates) {
  const sums = new Map();
  for (const [, diff, row] of updates) {
    const key = JSON.stringify(row);
    sums.set(key, (sums.get(key) ?? 0) + diff);
  }
  return new Map([...sums].filter(([, weight]) => weight !== 0));
}

function message(histories, choose) {
  const history = choose.of(histories);
  const [one, other] = [choose.below(END + 1), choose.below(END + 1)];
  const [lower, upper] = one < other ? [one, other] : [other, one];
  const made = choose.chance(25)
    ? history.base(upper)
    : history.delta(lower, upper, choose.chance(30));
  if (choose.chance(50)) made.checksum = history.checksum(upper);
  return made;
}

const sorted = (map) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

/** Add a change to a copy that is made of changes only. */
function follow(copy, change) {
  for (const [key, weight] of change.rows) {
    const sum = (copy.get(key) ?? 0) + weight;
    if (sum === 0) copy.delete(key);
    else copy.set(key, sum);
  }
}

function run(choose) {
  const epochs = ["1-u1", "1-u2", "2-u1"].slice(choose.below(3));
  const histories = epochs.map((epoch) => new History(epoch, choose));
  const state = new ViewState("v");
  const copy = new Map();
  let applied = null;
  const check = () => {
    assert.deepEqual(sorted(state.rows), sorted(copy), "the sum of the reported changes");
    const { position } = state;
    if (position === null) return;
    const truth = histories.find(({ epoch }) => epoch === position.epoch).at(position.frontier);
    assert.deepEqual(sorted(state.rows), sorted(truth), "the rows at the frontier");
  };
  for (let step = 0; step < 30; step += 1) {
    if (choose.chance(8)) {
      state.disconnect();
      check();
      continue;
    }
    try {
      const change = receiveAtOnce(state, message(histories, choose));
      if (change !== null) {
        // The intervals applied are adjacent: none is skipped, none comes twice.
        if (change.lower !== null) assert.equal(change.lower, applied);
        assert.deepEqual(state.position, { epoch: change.epoch, frontier: change.upper });
        applied = change.upper;
        follow(copy, change);
      }
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      assert.equal(error.code, 4000, error.message);
      assert.equal(state.position, null);
      state.disconnect();
    }
    check();
  }
  // Whatever came before, one base and the deltas after it lead to the end.
  const last = choose.of(histories);
  const upper = choose.below(END + 1);
  state.forget();
  for (const final of [last.base(upper), last.delta(0, END)]) {
    const change = receiveAtOnce(state, final);
    if (change !== null) follow(copy, change);
  }
  check();
  assert.equal(state.request, `v@${last.epoch}:${END}`);
}

test(`${RUNS} random runs`, () => forSeeds(RUNS, run));
