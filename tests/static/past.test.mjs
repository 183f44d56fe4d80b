// The past that a client asks the server for: exact, in pieces, and only if it fits.

import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../static/viewstream/history.js";
import { ViewState } from "../../static/viewstream/state.js";
import { ALICE, BOB, base, delta, EPOCH, forSeeds, live, receiveAtOnce, World } from "./fakes.mjs";

const CAROL = ["Carol", "3"];
const users = (rows) => rows?.map(({ user }) => user).sort() ?? null;

/** A server's log of deltas, which answers as `/view/history` does. */
class Log {
  asked = [];
  epoch = EPOCH;

  /** @param {any[]} deltas @param {number} atOnce deltas in an answer */
  constructor(deltas, atOnce = 1) {
    this.deltas = deltas;
    this.atOnce = atOnce;
  }

  past(upper, since) {
    const below = this.deltas.filter((one) => one.lower < upper && one.upper > since);
    const deltas = below.slice(-this.atOnce);
    return { epoch: this.epoch, lower: deltas[0]?.lower ?? upper, upper, deltas };
  }

  fetch = async (address, options) => {
    const { pathname, searchParams } = new URL(address);
    this.asked.push({ pathname, ...Object.fromEntries(searchParams), ...options.headers });
    const [epoch, upper] = searchParams.get("before").split(":");
    if (epoch !== this.epoch) return Response.json({ error: "ended" }, { status: 410 });
    return Response.json(this.past(Number(upper), Number(searchParams.get("since"))));
  };
}

const LOG = [
  delta(2, 4, [[3, 1, BOB]]),
  delta(4, 6, [[5, -1, BOB]]),
  delta(6, 9),
  delta(9, 12, [
    [9, 1, ALICE],
    [11, 1, CAROL],
  ]),
];

test("a page that was just opened can go back as far as the server's log", async () => {
  const log = new Log(LOG);
  const { stream, view } = live({ keep: "5m", environment: { fetch: log.fetch } });
  assert.deepEqual(view.kept, { from: 9, to: 9 });
  await stream.fetchPast(0);
  assert.deepEqual(view.kept, { from: 1, to: 9 });
  const found = [1, 2, 3, 4, 5, 8, 9].map((time) => users(view.at(time)));
  assert.deepEqual(found, [[], [], ["Bob"], ["Bob"], [], [], ["Alice"]]);
  assert.deepEqual(log.asked[0], {
    pathname: "/view/history",
    view: "v",
    before: `${EPOCH}:10`,
    since: "1",
  });
  assert.equal(log.asked.length, 5, "one for each delta, and one that brings no more");
});

test("no more is asked for than is wanted, and nothing that is here", async () => {
  const log = new Log(LOG);
  const { stream, view } = live({ keep: "5m", environment: { fetch: log.fetch } });
  await stream.fetchPast(4);
  assert.deepEqual(view.kept, { from: 3, to: 9 });
  await stream.fetchPast(4);
  assert.equal(log.asked.length, 3);
});

test("no more is asked for than may be kept", async () => {
  const log = new Log(LOG);
  const { stream, view } = live({ keep: 2, environment: { fetch: log.fetch } });
  await stream.fetchPast(0);
  assert.equal(log.asked.length, 2);
  assert.deepEqual(users(view.at(8)), []);
});

test("what came merged is taken apart", async () => {
  const log = new Log([delta(10, 14, [[12, 1, BOB]]), delta(14, 20, [[15, -1, ALICE]])]);
  const { stream, world, view } = live({ keep: "5m", environment: { fetch: log.fetch } });
  const merged = [
    [19, 1, BOB],
    [19, -1, ALICE],
  ];
  world.send(delta(10, 20, merged, { folded: true }), delta(20, 30, [[25, 1, CAROL]]));
  assert.equal(view.at(12), null);
  await stream.fetchPast(10);
  const found = [9, 11, 12, 14, 15, 24, 25].map((time) => users(view.at(time)));
  const [alice, both, bob] = [["Alice"], ["Alice", "Bob"], ["Bob"]];
  assert.deepEqual(found, [alice, alice, both, both, bob, bob, ["Bob", "Carol"]]);
});

test("a base after a lost connection is taken apart", async () => {
  const log = new Log([delta(10, 14, [[12, 1, BOB]]), delta(14, 20, [[15, -1, ALICE]])], 9);
  const { stream, world, view } = live({ keep: "5m", environment: { fetch: log.fetch } });
  world.send(base(20, [BOB]));
  await stream.fetchPast(9);
  assert.deepEqual(users(view.at(13)), ["Alice", "Bob"]);
  assert.equal(log.asked.length, 1);
});

test("changes that do not lead to the rows are not taken", async () => {
  const other = [delta(10, 20, [[15, 1, CAROL]])];
  const { stream, world, view } = live({
    keep: "5m",
    environment: { fetch: new Log(other).fetch },
  });
  world.send(delta(10, 20, [[19, 1, BOB]], { folded: true }));
  await stream.fetchPast(9);
  assert.equal(view.at(15), null);
  const before = live({
    keep: "5m",
    environment: { fetch: new Log([delta(5, 10, [[7, 1, BOB]])]).fetch },
  });
  await before.stream.fetchPast(0);
  assert.equal(before.view.at(8), null, "Bob cannot be taken from rows without him");
  assert.deepEqual(users(before.view.at(9)), ["Alice"]);
});

test("an epoch that has ended has no past", async () => {
  const log = new Log(LOG);
  log.epoch = "2-u1";
  const { stream, view } = live({ keep: "5m", environment: { fetch: log.fetch } });
  await stream.fetchPast(0);
  assert.deepEqual(view.kept, { from: 9, to: 9 });
});

test("an epoch that ends while the server is asked", async () => {
  let world = null;
  const log = new Log(LOG);
  const fetch = async (...request) => {
    world.send(base(50, [BOB], { epoch: "2-u1" }));
    return log.fetch(...request);
  };
  const scene = live({ keep: "5m", environment: { fetch } });
  world = scene.world;
  await scene.stream.fetchPast(0);
  assert.deepEqual(scene.view.kept, { from: 49, to: 49 });
});

test("changes that come while the server is asked", async () => {
  let world = null;
  const log = new Log(LOG);
  const fetch = async (...request) => {
    world.send(delta(10, 20, [[12, -1, ALICE]]));
    return log.fetch(...request);
  };
  const scene = live({ keep: "5m", environment: { fetch } });
  world = scene.world;
  await scene.stream.fetchPast(0);
  const found = [3, 8, 9, 11, 12].map((time) => users(scene.view.at(time)));
  assert.deepEqual(found, [["Bob"], [], ["Alice"], ["Alice"], []]);
});

test("the memory is bounded, and the server is not asked again and again", async () => {
  const name = "x".repeat(1_000);
  const deltas = Array.from({ length: 400 }, (_, at) =>
    delta(at, at + 1, [[at, at % 2 ? -1 : 1, [name, "1"]]]),
  );
  const log = new Log(deltas, 10);
  log.epoch = "2-u1";
  const options = { keep: { time: "1h", bytes: 100_000 }, environment: { fetch: log.fetch } };
  const { stream, world, view } = live(options);
  world.send(base(400, [ALICE], { epoch: log.epoch }));
  await stream.fetchPast(0);
  const count = view.kept.to - view.kept.from;
  assert.ok(count > 20 && count <= 50, `${count} changes of 2,000 bytes`);
  assert.ok(log.asked.length <= 7, `${log.asked.length} questions`);
});

test("a token is sent, and a refusal is told", async () => {
  const log = new Log(LOG);
  const world = new World();
  const options = { keep: "5m", token: () => "secret", environment: { fetch: log.fetch } };
  const stream = world.follow(options);
  while (world.socket === undefined) await null;
  world.open();
  world.send(base(10, [ALICE]));
  await stream.fetchPast(8);
  assert.equal(log.asked[0].Authorization, "Bearer secret");
  const fetch = async () => Response.json({ error: "the token has expired" }, { status: 401 });
  const refused = live({ keep: "5m", environment: { fetch } });
  await assert.rejects(refused.stream.fetchPast(0), /the token has expired/);
});

test("without keep, nothing is asked for", async () => {
  const log = new Log(LOG);
  const { stream } = live({ environment: { fetch: log.fetch } });
  await stream.fetchPast(0);
  assert.deepEqual(log.asked, []);
});

test("random pasts: every time that can be read is exact, and all that the log has can be", () => {
  let reads = 0;
  forSeeds(400, (choose) => {
    const weights = new Map();
    const all = [];
    for (let time = 0; time < 40; time += 1) {
      for (let count = choose.below(4); count > 0; count -= 1) {
        const row = choose.of([ALICE, BOB, CAROL]);
        const key = JSON.stringify(row);
        const diff = (weights.get(key) ?? 0) > 0 && choose.chance(50) ? -1 : 1;
        weights.set(key, (weights.get(key) ?? 0) + diff);
        all.push([time, diff, row]);
      }
    }
    const countedAt = (time) => {
      const sums = new Map();
      for (const [when, diff, row] of all) {
        const key = JSON.stringify(row);
        if (when <= time) sums.set(key, (sums.get(key) ?? 0) + diff);
      }
      return [...sums].filter(([, weight]) => weight !== 0).sort();
    };
    const listed = (time) =>
      countedAt(time).flatMap(([key, weight]) => Array(weight).fill(JSON.parse(key)));
    const logLower = choose.below(10);
    const deltas = [];
    for (let lower = logLower; lower < 40; ) {
      const upper = Math.min(40, lower + 1 + choose.below(5));
      const updates = all.filter(([time]) => time >= lower && time < upper);
      if (updates.length > 0) deltas.push(delta(lower, upper, updates));
      lower = upper;
    }
    const log = new Log(deltas, 1 + choose.below(4));
    log.past = (upper, since) => {
      const below = deltas.filter((one) => one.lower < upper && one.upper > since);
      const some = below.slice(-log.atOnce);
      const isAll = some.length === below.length;
      const lower = isAll ? Math.min(upper, Math.max(since, logLower)) : some[0].lower;
      return { epoch: EPOCH, lower, upper, deltas: some };
    };

    const state = new ViewState("v");
    const history = new History(1e6, 1e9, 1 + choose.below(12));
    const send = (message) => {
      const change = receiveAtOnce(state, message);
      if (change) history.record(change, state.rows);
    };
    let lower = 11 + choose.below(20);
    send(base(lower, listed(lower - 1)));
    while (lower < 40) {
      const upper = Math.min(40, lower + 1 + choose.below(6));
      const updates = all.filter(([time]) => time >= lower && time < upper);
      const folding = updates.map(([, diff, row]) => [upper - 1, diff, row]);
      if (choose.chance(30)) send(base(upper, listed(upper - 1)));
      else if (choose.chance(40)) send(delta(lower, upper, folding, { folded: true }));
      else send(delta(lower, upper, updates));
      lower = upper;
    }
    const since = choose.chance(50) ? 0 : choose.below(40);
    for (let gap = history.missing(since); gap !== null; ) {
      history.fill(log.past(gap.upper, gap.since), state.rows);
      const next = history.missing(since);
      if (next !== null && next.upper >= gap.upper) break;
      gap = next;
    }
    for (let time = 0; time < 40; time += 1) {
      const rows = history.at(time, state.rows);
      const isWanted = time >= Math.max(since, logLower - 1);
      assert.ok(rows !== null || !isWanted, `at ${time}: since ${since}, log from ${logLower}`);
      if (rows === null) continue;
      reads += 1;
      assert.deepEqual([...rows].sort(), countedAt(time), `at ${time}`);
    }
  });
  assert.ok(process.env.MODEL_SEED !== undefined || reads > 8_000, `${reads} reads`);
});
