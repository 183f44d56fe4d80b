// The picture of a dataflow: what the tables say, and where its boxes are.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readDataflows } from "../../static/dashboard/pipeline/dataflow_graph.js";
import { layOut } from "../../static/dashboard/pipeline/layers.js";
import { forSeeds } from "./fakes.mjs";

const read = (tables) => readDataflows((name) => tables[name] ?? []);
const operator = (id, name, flow) => ({ id, name, dataflow_name: flow });

/** As the embedded engine has them. */
const ENGINE = {
  mz_dataflow_operator_dataflows: [
    operator(11, "Get s", "Dataflow: materialize.public.v"),
    operator(12, "Reduce", "Dataflow: materialize.public.v"),
    operator(13, "Arrange v", "Dataflow: materialize.public.v"),
    operator(21, "Get v", "Dataflow: other.public.top"),
  ],
  mz_dataflow_operator_addresses: [
    { id: 11, address: "{7,1}" },
    { id: 12, address: "{7,2}" },
    { id: 13, address: "{7,3}" },
    { id: 14, address: "{7}" },
    { id: 15, address: "{7}" },
    { id: 21, address: "{8,1}" },
  ],
  mz_dataflow_channels: [
    { id: 14, source_node: 1, target_node: 2 },
    { id: 15, source_node: 2, target_node: 3 },
  ],
  mz_message_counts: [{ channel: 14, sent: 500 }],
  mz_records_per_dataflow_operator: [
    { id: 12, records: 40 },
    { id: 13, records: 41 },
  ],
};

test("operators and channels of each dataflow", () => {
  assert.deepEqual(read(ENGINE), [
    {
      name: "other.public.top",
      operators: [{ id: "8,1", name: "Get v", records: 0 }],
      channels: [],
    },
    {
      name: "v",
      operators: [
        { id: "7,1", name: "Get s", records: 0 },
        { id: "7,2", name: "Reduce", records: 40 },
        { id: "7,3", name: "Arrange v", records: 41 },
      ],
      channels: [
        { id: "14", from: "7,1", to: "7,2", sent: 500 },
        { id: "15", from: "7,2", to: "7,3", sent: 0 },
      ],
    },
  ]);
});

test("of several workers there is one operator, and the sum of their rows", () => {
  const twice = Object.fromEntries(
    Object.entries(ENGINE).map(([name, rows]) => [
      name,
      [0, 1].flatMap((worker) => rows.map((row) => ({ ...row, worker }))),
    ]),
  );
  const [, v] = read(twice);
  assert.deepEqual(
    v.operators.map(({ records }) => records),
    [0, 80, 82],
  );
  assert.deepEqual(
    v.channels.map(({ sent }) => sent),
    [1000, 0],
  );
});

test("operators within an operator count as the one around them", () => {
  const nested = {
    ...ENGINE,
    mz_dataflow_operator_dataflows: [
      operator(10, "Dataflow: materialize.public.v", "Dataflow: materialize.public.v"),
      ...ENGINE.mz_dataflow_operator_dataflows,
      operator(16, "Inner", "Dataflow: materialize.public.v"),
    ],
    mz_dataflow_operator_addresses: [
      ...ENGINE.mz_dataflow_operator_addresses,
      { id: 10, address: "{7}" },
      { id: 16, address: "{7,2,1}" },
      { id: 17, address: "{7,2}" },
    ],
    mz_dataflow_channels: [
      ...ENGINE.mz_dataflow_channels,
      { id: 17, source_node: 0, target_node: 1 },
    ],
    mz_records_per_dataflow_operator: [
      ...ENGINE.mz_records_per_dataflow_operator,
      { id: 16, records: 5 },
    ],
  };
  const [, v] = read(nested);
  assert.deepEqual(
    v.operators.map(({ name, records }) => [name, records]),
    [
      ["Get s", 0],
      ["Reduce", 45],
      ["Arrange v", 41],
    ],
  );
  assert.equal(v.channels.length, 2);
});

test("rows that do not fit together yet are left out", () => {
  assert.deepEqual(read({ ...ENGINE, mz_dataflow_operator_addresses: [] }), []);
  const gone = [{ id: 14, source_node: 1, target_node: 9 }];
  assert.deepEqual(read({ ...ENGINE, mz_dataflow_channels: gone })[1].channels, []);
});

const edge = (from, to) => ({ id: `${from}${to}`, from, to });
const placed = ({ places }) =>
  Object.fromEntries([...places].map(([id, { layer, row }]) => [id, [layer, row]]));

test("a chain is a straight line", () => {
  const grid = layOut(["a", "b", "c"], [edge("a", "b"), edge("b", "c")]);
  assert.deepEqual(placed(grid), { a: [0, 0], b: [1, 0], c: [2, 0] });
  assert.deepEqual([grid.layers, grid.rows], [3, 1]);
});

test("the two sides of a join meet between them", () => {
  const grid = layOut(["l", "r", "join"], [edge("l", "join"), edge("r", "join")]);
  assert.deepEqual(placed(grid), { l: [0, 0], r: [0, 1], join: [1, 0.5] });
});

test("a connection over several layers passes beside the boxes", () => {
  const grid = layOut(["a", "b", "c"], [edge("a", "b"), edge("b", "c"), edge("a", "c")]);
  const path = grid.paths.get("ac");
  assert.equal(path.length, 3);
  assert.ok(Math.abs(path[1].row - grid.places.get("b").row) >= 1);
});

test("a circle has a layout, too", () => {
  const grid = layOut(["a", "b", "c"], [edge("a", "b"), edge("b", "c"), edge("c", "a")]);
  assert.equal(grid.layers, 3);
  assert.equal(grid.paths.size, 3);
});

test("nothing has an empty layout", () => {
  const { places, layers } = layOut([], []);
  assert.deepEqual([places.size, layers], [0, 0]);
});

test("random graphs: arrows lead on, and nothing lies on anything", () => {
  forSeeds(300, (choose) => {
    const ids = Array.from({ length: 1 + choose.below(12) }, (_, at) => `n${at}`);
    const edges = [];
    for (let to = 1; to < ids.length; to += 1) {
      for (let count = choose.below(3); count > 0; count -= 1) {
        const from = choose.below(to);
        edges.push({ id: `${from} ${to} ${count}`, from: ids[from], to: ids[to] });
      }
    }
    const grid = layOut(ids, edges);
    const rows = new Map();
    const points = new Set([...grid.places.values(), ...[...grid.paths.values()].flat()]);
    for (const { layer, row } of points) {
      assert.ok(row >= 0 && row <= grid.rows - 1 + 1e-9, `row ${row} of ${grid.rows}`);
      assert.ok(layer >= 0 && layer < grid.layers);
      rows.set(layer, [...(rows.get(layer) ?? []), row]);
    }
    for (const column of rows.values()) {
      column.sort((a, b) => a - b);
      for (let at = 1; at < column.length; at += 1)
        assert.ok(column[at] - column[at - 1] > 0.999, column.join());
    }
    for (const { id, from, to } of edges) {
      const path = grid.paths.get(id);
      assert.equal(path[0], grid.places.get(from));
      assert.equal(path.at(-1), grid.places.get(to));
      for (let at = 1; at < path.length; at += 1)
        assert.equal(path[at].layer, path[at - 1].layer + 1);
    }
  });
});
