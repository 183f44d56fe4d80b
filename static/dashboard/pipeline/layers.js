/**
 * A layout of a directed graph in layers: each node is in the layer after those that lead to it.
 * Pure.
 *
 * A connection over several layers gets a bend in each layer that it passes, which takes a place
 * like a node does, so that it never runs behind one. Nodes are ordered within their layers by the
 * mean place of their neighbours, some times forth and back, which removes most crossings.
 */

const SWEEPS = 6;

/** @typedef {{ layer: number, row: number }} Place */
/** @typedef {{ id: string, layer: number, row: number, before: Node[], after: Node[] }} Node */

/**
 * Place nodes, and the bends of their connections.
 *
 * @param {readonly string[]} ids
 * @param {readonly { id: string, from: string, to: string }[]} edges
 * @returns {{ places: Map<string, Place>, paths: Map<string, Place[]>, layers: number, rows: number }}
 */
export function layOut(ids, edges) {
  const layers = layersOf(ids, edges);
  const nodes = new Map(ids.map((id) => [id, makeNode(id, layers.get(id) ?? 0)]));
  const bends = [];
  const paths = new Map();
  for (const { id, from, to } of edges) {
    const [first, last] = [nodes.get(from), nodes.get(to)];
    if (!first || !last) continue;
    const path = [first];
    for (let layer = first.layer + 1; layer < last.layer; layer += 1) {
      path.push(makeNode(`${id} ${layer}`, layer));
    }
    path.push(last);
    bends.push(...path.slice(1, -1));
    for (const [at, node] of path.slice(1).entries()) {
      if (path[at].layer >= node.layer) continue; // a way back
      path[at].after.push(node);
      node.before.push(path[at]);
    }
    paths.set(id, path);
  }
  const columns = groupByLayer([...nodes.values(), ...bends]);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    if (sweep % 2 === 0) for (const column of columns) arrange(column, "before");
    else for (const column of columns.toReversed()) arrange(column, "after");
  }
  const all = columns.flat();
  const least = Math.min(...all.map(({ row }) => row));
  for (const node of all) node.row -= least;
  return {
    places: nodes,
    paths,
    layers: columns.length,
    rows: 1 + Math.max(0, ...all.map(({ row }) => row)),
  };
}

/** @param {string} id @param {number} layer @returns {Node} */
function makeNode(id, layer) {
  return { id, layer, row: 0, before: [], after: [] };
}

/** The longest way to each node, in steps; connections that lead back do not count. */
function layersOf(ids, edges) {
  /** @type {Map<string, number>} */
  const layers = new Map();
  const open = new Set();
  const visit = (id) => {
    const known = layers.get(id);
    if (known !== undefined) return known;
    if (open.has(id)) return -1;
    open.add(id);
    const before = edges.filter(({ to }) => to === id).map(({ from }) => visit(from));
    open.delete(id);
    const layer = 1 + Math.max(-1, ...before);
    layers.set(id, layer);
    return layer;
  };
  for (const id of ids) visit(id);
  return layers;
}

/** @param {Node[]} nodes @returns {Node[][]} */
function groupByLayer(nodes) {
  const columns = Array.from(
    { length: 1 + Math.max(-1, ...nodes.map(({ layer }) => layer)) },
    () => /** @type {Node[]} */ ([]),
  );
  for (const node of nodes) columns[node.layer].push(node);
  for (const column of columns) for (const [row, node] of column.entries()) node.row = row;
  return columns;
}

/**
 * Order a layer by the mean row of the neighbours on one side, and place its nodes as near to that
 * as they can be, one row apart.
 *
 * @param {Node[]} column
 * @param {"before" | "after"} side
 */
function arrange(column, side) {
  const wished = new Map(
    column.map((node) => {
      const rows = node[side].map(({ row }) => row);
      return [node, rows.length === 0 ? node.row : rows.reduce((a, b) => a + b) / rows.length];
    }),
  );
  const wish = (node) => wished.get(node) ?? 0;
  column.sort((a, b) => wish(a) - wish(b));
  let free = -Infinity;
  for (const node of column) {
    node.row = Math.max(wish(node), free);
    free = node.row + 1;
  }
  const shift = column.reduce((sum, node) => sum + node.row - wish(node), 0) / column.length;
  for (const node of column) node.row -= shift;
}
