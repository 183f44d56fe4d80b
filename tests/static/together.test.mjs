// All views of a stream at one common time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { base, delta, status, World } from "./fakes.mjs";

const END = Number.MAX_SAFE_INTEGER;
const row = (count) => ["x", String(count)];
/** The total goes from `before` to `after`, and so does the only bar, at `time`. */
const step = (time, before, after) => [
  [time, -1, row(before)],
  [time, 1, row(after)],
];
const of = (view, message) => ({ ...message, view });

function following(options) {
  const world = new World();
  const stream = world.follow({ views: ["total", "bars"], ...options });
  world.open();
  const shown = () =>
    ["total", "bars"].map((name) =>
      stream
        .view(name)
        .rows()
        .map(({ count }) => count),
    );
  return { world, stream, shown };
}

test("no view is shown before all are known at one time", () => {
  const { world, stream, shown } = following({ together: true });
  world.send(of("total", base(10, [row(1)])));
  assert.deepEqual(shown(), [[], []]);
  assert.equal(stream.view("total").loaded, false);
  world.send(of("bars", base(20, [row(2)])));
  assert.deepEqual(shown(), [[], []], "the total at 20 is not known yet");
  world.send(of("total", delta(10, 30, [...step(15, 1, 2), ...step(25, 2, 3)])));
  assert.deepEqual(shown(), [[2], [2]], "at 20: the update at 25 is kept aside");
  world.send(of("bars", delta(20, 30, step(25, 2, 3))));
  assert.deepEqual(shown(), [[3], [3]]);
});

test("listeners see all views at one time, whichever is called first", () => {
  const { world, stream } = following({ together: true });
  const looks = [];
  const look = () => {
    const sums = [...stream.views.values()].map((view) =>
      view.rows().reduce((sum, { count }) => sum + count, 0),
    );
    looks.push([...sums, ...[...stream.views.values()].map(({ asOf }) => asOf)]);
  };
  for (const view of stream.views.values()) view.onChange(look);
  stream.onChange(look);
  world.send(of("total", base(10, [row(1)])), of("bars", base(10, [row(1)])));
  for (let time = 10; time < 20; time += 1) {
    const update = step(time, time - 9, time - 8);
    world.send(of("total", delta(time, time + 1, update)));
    world.send(of("bars", delta(time, time + 1, update)));
  }
  assert.equal(looks.length, 33, "three listeners, eleven times");
  for (const [total, bars, ...times] of looks) {
    assert.equal(total, bars);
    assert.equal(times[0], times[1]);
  }
});

test("stream.onChange shows the common time while the views are ahead of it", () => {
  const { world, stream, shown } = following();
  const moments = [];
  stream.onChange(({ time, view, changes }) =>
    moments.push([time, view("total").rows()[0].count, view("bars").rows()[0].count, changes.size]),
  );
  world.send(of("total", base(10, [row(1)])), of("bars", base(10, [row(1)])));
  world.send(of("total", delta(10, 20, step(15, 1, 2))));
  assert.deepEqual(shown(), [[2], [1]], "each view at its own time");
  assert.deepEqual(moments, [[10, 1, 1, 2]]);
  world.send(of("bars", delta(10, 16, step(15, 1, 2))));
  assert.deepEqual(moments[1], [16, 2, 2, 2]);
});

test("a listener that comes later is called at once, and begins at a common time", () => {
  const { world, stream } = following();
  world.send(of("total", base(10, [row(1)])), of("bars", base(10, [row(1)])));
  world.send(of("total", delta(10, 20, step(15, 1, 2))));
  const moments = [];
  const remove = stream.onChange(({ time, view }) =>
    moments.push([time, view("total").rows()[0].count, view("bars").rows()[0].count]),
  );
  assert.deepEqual(moments, [], "what the total was at 10 is not known any more");
  world.send(of("bars", delta(10, 25, step(15, 1, 2))));
  assert.deepEqual(moments, [[20, 2, 2]]);
  stream.onChange(({ time }) => moments.push(time));
  assert.equal(moments[1], 20);
  remove();
  world.send(of("total", delta(20, 30)));
  assert.deepEqual(moments.slice(1), [20, 25]);
});

test("a listener that comes when all views are at one time is called at once", () => {
  const { world, stream } = following();
  world.send(of("total", base(10, [row(1)])), of("bars", base(10, [row(1)])));
  const moments = [];
  stream.onChange(({ time, view, changes }) =>
    moments.push([time, view("total").size, view("bars").size, changes.size]),
  );
  assert.deepEqual(moments, [[10, 1, 1, 0]]);
});

test("a view of a moment has the standing of the view", () => {
  const { world, stream } = following();
  let moment;
  stream.onChange((each) => {
    moment = each;
  });
  world.send(of("total", base(10, [row(1)])), of("bars", base(10, [row(1)])));
  assert.equal(moment.view("bars").standing.state, "live");
  world.send(of("bars", status("stale", "no progress for 15 s")));
  assert.deepEqual(moment.view("bars").standing, stream.view("bars").standing);
  assert.throws(() => moment.view("nosuch"), /expected a view that this stream follows/);
});

test("one listener of a view may wait for the common time, and others not", () => {
  const { world, stream } = following();
  const [own, common] = [[], []];
  stream.view("total").onChange(({ upper }) => own.push(upper));
  stream.view("total").onChange(({ upper }) => common.push(upper), { together: true });
  world.send(of("total", base(10, [row(1)])), of("total", delta(10, 20)));
  world.send(of("bars", base(12, [row(1)])));
  assert.deepEqual(own, [10, 20]);
  assert.deepEqual(common, [12]);
});

test("a folded delta counts when it is whole, and the common time is never within one", () => {
  const { world, stream, shown } = following({ together: true });
  world.send(of("total", base(10, [row(1)])), of("bars", base(10, [row(1)])));
  world.send(of("total", delta(10, 30, step(29, 1, 5), { folded: true })));
  world.send(of("bars", delta(10, 20, step(15, 1, 3))));
  assert.deepEqual(shown(), [[1], [1]], "the total at 20 is not known");
  assert.equal(stream.view("bars").asOf, 10);
  world.send(of("bars", delta(20, 30, step(25, 3, 5))));
  assert.deepEqual(shown(), [[5], [5]]);
});

test("a view that has ended does not delay the others", () => {
  const { world, shown } = following({ together: true });
  world.send(of("total", base(END, [row(7)])), of("bars", base(10, [row(1)])));
  assert.deepEqual(shown(), [[7], [1]]);
  world.send(of("bars", delta(10, 20, step(15, 1, 3))));
  assert.deepEqual(shown(), [[7], [3]]);
});

test("a view that ends while it is followed shows its last rows", () => {
  const { world, shown } = following({ together: true });
  world.send(of("total", base(10, [row(1)])), of("bars", base(10, [row(1)])));
  world.send(of("total", delta(10, END, step(END - 1, 1, 9), { folded: true })));
  assert.deepEqual(shown(), [[9], [1]]);
  world.send(of("bars", delta(10, 20)));
  assert.deepEqual(shown(), [[9], [1]]);
});

test("a refused view does not delay the others; one that is stale does, since when", () => {
  const { world, stream, shown } = following({ together: true });
  world.send(of("total", base(10, [row(1)])), of("bars", base(10, [row(1)])));
  world.pass(1_000);
  world.send(of("bars", status("stale", "no progress for 15 s")));
  world.send(of("total", delta(10, 20, step(15, 1, 2))));
  assert.deepEqual(shown(), [[1], [1]]);
  const expected = { view: "bars", state: "stale", reason: "no progress for 15 s" };
  assert.deepEqual(stream.waitingFor, [{ ...expected, since: world.time }]);
  world.send(of("bars", status("refused", "not served any more")));
  assert.deepEqual(shown(), [[2], [1]]);
  assert.deepEqual(stream.waitingFor, []);
});

test("a view that is refused from the beginning does not delay the others", () => {
  const { world, shown } = following({ together: true });
  world.send(of("bars", status("refused", "no view 'bars'")), of("total", base(10, [row(1)])));
  assert.deepEqual(shown(), [[1], []]);
});

test("times of two starts of the engine are never compared", () => {
  const { world, shown } = following({ together: true });
  world.send(of("total", base(10, [row(1)])), of("bars", base(10, [row(1)])));
  world.send(of("total", base(12, [row(2)], { epoch: "2-u1" })), of("bars", delta(10, 12)));
  assert.deepEqual(shown(), [[1], [1]]);
  world.send(of("bars", base(11, [row(2)], { epoch: "2-u2" })));
  assert.deepEqual(shown(), [[1], [1]]);
  world.send(of("bars", delta(11, 12, [], { epoch: "2-u2" })));
  assert.deepEqual(shown(), [[2], [2]]);
});

test("after a restart of the engine its times may be lower", () => {
  const { world, stream, shown } = following({ together: true });
  world.send(of("total", base(10, [row(1)])), of("bars", base(10, [row(1)])));
  for (const name of ["total", "bars"]) world.send(of(name, base(3, [row(2)], { epoch: "2-u1" })));
  assert.deepEqual(shown(), [[2], [2]]);
  assert.equal(stream.view("total").asOf, 3);
});

test("within a start of the engine the common time never goes back", () => {
  const { world, stream, shown } = following({ together: true });
  world.send(of("bars", status("refused", "not served")), of("total", base(20, [row(2)])));
  assert.equal(stream.view("total").asOf, 20);
  world.send(of("bars", base(10, [row(1)])), of("bars", status("live")));
  assert.deepEqual(shown(), [[2], []], "the bars at 10 are older than the total");
  world.send(of("bars", delta(10, 20, step(15, 1, 2))));
  assert.deepEqual(shown(), [[2], [2]]);
});

test("a reconnect keeps the rows, and goes on at the next common time", () => {
  const { world, shown } = following({ together: true });
  world.send(of("total", base(10, [row(1)])), of("bars", base(10, [row(1)])));
  world.send(of("total", delta(10, 20, step(15, 1, 2))));
  world.end();
  world.pass(500);
  assert.deepEqual(world.asked, ["total@1-u1:20", "bars@1-u1:10"]);
  world.open();
  world.send(of("total", delta(20, 30)), of("bars", base(25, [row(2)])));
  assert.deepEqual(shown(), [[2], [2]]);
});
