// What the page of the pipeline computes: rates, hops, outages.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  bytesText,
  describeEngine,
  describeFile,
  describePage,
  describeServer,
  describeTails,
} from "../../static/dashboard/pipeline/hops.js";
import { Metrics, Rate } from "../../static/dashboard/pipeline/metrics.js";
import { outageText, Recovery } from "../../static/dashboard/pipeline/recovery.js";

test("metrics are summed over labels, and unknown ones are unknown", () => {
  const metrics = new Metrics(
    [
      "# HELP viewstream_posts_total posts",
      'viewstream_posts_total{outcome="taken",view="a b"} 5.0',
      'viewstream_posts_total{outcome="taken",view="c"} 7',
      'viewstream_posts_total{outcome="had",view="c"} 100',
      "viewstream_clients 3.0",
      "viewstream_received_bytes_total 1.5e+06",
    ].join("\n"),
  );
  assert.equal(metrics.sum("viewstream_posts_total", 'outcome="taken"'), 12);
  assert.equal(metrics.sum("viewstream_clients"), 3);
  assert.equal(metrics.sum("viewstream_received_bytes_total"), 1_500_000);
  assert.equal(metrics.sum("nosuch"), null);
});

test("a rate is that of the last seconds, and begins again with the counter", () => {
  const rate = new Rate();
  assert.equal(rate.perSecond, null);
  rate.add(100, 0);
  assert.equal(rate.perSecond, null);
  rate.add(150, 200); // too short to say
  assert.equal(rate.perSecond, null);
  rate.add(100, 0); // the counter began again
  for (let second = 1; second <= 20; second += 1) rate.add(100 + 10 * second, 1000 * second);
  assert.equal(rate.perSecond, 10);
  for (let second = 21; second <= 40; second += 1) rate.add(300, 1000 * second);
  assert.equal(rate.perSecond, 0);
  assert.equal(rate.grewAt, 20_000);
  rate.add(5, 41_000); // its process was started again
  rate.add(25, 42_000);
  assert.equal(rate.perSecond, 20);
  rate.add(null, 43_000);
  assert.equal(rate.perSecond, 20);
  for (let again = 0; again < 100; again += 1) rate.add(25, 42_000); // the clock stands still
  assert.equal(rate.perSecond, 20);
  rate.add(30, 10_000); // another history's clock
  assert.equal(rate.perSecond, null);
});

test("sizes have units", () => {
  assert.deepEqual([0, 999, 1_500, 2e6, 123e6, 4.2e9, 5e15, null].map(bytesText), [
    "0 B",
    "999 B",
    "1.5 KB",
    "2.0 MB",
    "123 MB",
    "4.2 GB",
    "5000 TB",
    "–",
  ]);
});

const FILE = { lines: 5, bytes: 10, fileState: "followed", perSecond: 1, quietFor: 100 };
const TAILS = { tails: 2, updates: 9, perSecond: 1, lag: 5, missing: [] };
const SERVER = {
  isReachable: true,
  isEngineHeard: true,
  deltas: 1,
  perSecond: 1,
  lag: 4,
  bytes: 1,
  clients: 1,
  late: [],
};

test("each hop has a state and says why", () => {
  const states = [
    [describeFile(FILE, true), "ok", "Growing"],
    [describeFile({ ...FILE, quietFor: 7_000 }, true), "quiet", "No new line for 7.0 s"],
    [describeFile({ ...FILE, fileState: "truncated" }, true), "bad", "The file was truncated"],
    [describeFile(FILE, false), "unknown", "Not known"],
    [describeFile(null, true), "unknown", "Not known"],
    [describeEngine({ time: 1, lag: 10, problem: "" }), "ok", "Exact"],
    [describeEngine({ time: 1, lag: 4_000, problem: "" }), "quiet", "Lagging"],
    [describeEngine({ time: null, lag: null, problem: "" }), "unknown", "Not known"],
    [
      describeEngine({ time: 1, lag: null, problem: "the engine does not answer" }),
      "bad",
      "The database does not answer",
    ],
    [describeTails(TAILS, true), "ok", "Streaming"],
    [describeTails({ ...TAILS, lag: 9_000 }, true), "quiet", "Falling behind"],
    [describeTails({ ...TAILS, missing: ["a", "b"] }, true), "bad", "Nobody reads a and 1 more"],
    [describeServer(SERVER), "ok", "All views are live"],
    [describeServer({ ...SERVER, isReachable: false }), "bad", "Does not answer"],
    [describeServer({ ...SERVER, isEngineHeard: false }), "quiet", "Waits for the database"],
    [
      describeServer({ ...SERVER, late: [{ name: "a", problem: "nothing was posted for 15 s" }] }),
      "bad",
      "a: no changes arrive from the pipeline",
    ],
    [describePage({ state: "live", messages: 1, perSecond: 1, age: 1 }), "ok", "Live"],
    [
      describePage({ state: "unverified", messages: 1, perSecond: 1, age: 1 }),
      "bad",
      "A checksum differs",
    ],
    [
      describePage({ state: "waiting", messages: 1, perSecond: 1, age: 1 }),
      "quiet",
      "Waiting for rows",
    ],
    [
      describePage({ state: "connecting", messages: 1, perSecond: 1, age: 1 }),
      "bad",
      "Reconnecting",
    ],
  ];
  for (const [hop, state, word] of states) assert.deepEqual([hop.state, hop.word], [state, word]);
});

test("a hop of which nothing is known has no rate", () => {
  const silent = [
    describeFile(FILE, false),
    describeTails(TAILS, false),
    describeServer({ ...SERVER, isReachable: false }),
  ];
  for (const { facts } of silent) {
    const [[, rate]] = facts.filter(([name]) => name === "Rate" || name === "New lines");
    assert.equal(rate, "–");
  }
});

test("an outage lasts until rows are newer than it, and says whether they were verified", () => {
  const recovery = new Recovery();
  const well = { troubles: [], asOf: 900, verifiedAt: 900 };
  recovery.note({ ...well, at: 1000 });
  assert.deepEqual(recovery.outages, []);
  recovery.note({ at: 2000, troubles: ["It is away", false], asOf: 1900, verifiedAt: 1900 });
  recovery.note({ at: 2500, troubles: [false, "Rows are missing"], asOf: 1900, verifiedAt: 1900 });
  assert.equal(recovery.describe(2600), "It is away, for 0.6 s");
  recovery.note({ at: 3000, troubles: [], asOf: 1900, verifiedAt: 1900 });
  assert.deepEqual(recovery.outages, [], "the rows are from before");
  recovery.note({ at: 3300, troubles: [], asOf: 3200, verifiedAt: 3250 });
  assert.equal(recovery.describe(3300), "");
  assert.deepEqual(recovery.outages.map(outageText), [
    "It is away: converged again in 1.3 s, checksum equal",
  ]);
  recovery.note({ at: 5000, troubles: ["Again"], asOf: 4900, verifiedAt: 4900 });
  recovery.note({ at: 6000, troubles: [], asOf: 5900, verifiedAt: 4900 });
  assert.equal(outageText(recovery.outages[0]), "Again: converged again in 1.0 s");
  recovery.note({ at: 7000, troubles: [], asOf: 6900, verifiedAt: 6800 });
  assert.equal(outageText(recovery.outages[0]), "Again: converged again in 1.0 s, checksum equal");
});

test("an outage is named by its surest cause, whichever sign came first", () => {
  const recovery = new Recovery();
  recovery.note({ at: 1000, troubles: [false, "Changes are late"], asOf: 900, verifiedAt: 0 });
  assert.equal(recovery.describe(1100), "Changes are late, for 0.1 s");
  recovery.note({ at: 2000, troubles: ["The database is away", false], asOf: 900, verifiedAt: 0 });
  recovery.note({ at: 3000, troubles: [false, "Changes are late"], asOf: 900, verifiedAt: 0 });
  assert.equal(recovery.describe(3000), "The database is away, for 2.0 s");
  recovery.note({ at: 4000, troubles: [false, false], asOf: 3900, verifiedAt: 0 });
  assert.equal(outageText(recovery.outages[0]), "The database is away: converged again in 3.0 s");
  recovery.note({ at: 5000, troubles: [false, "Changes are late"], asOf: 3900, verifiedAt: 0 });
  assert.equal(recovery.describe(5000), "Changes are late, for 0.0 s", "that was another outage");
});
