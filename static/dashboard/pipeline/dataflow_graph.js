/**
 * The dataflows of views, from the database's tables about them. Pure.
 *
 * An operator's address is the number of its dataflow and its own number in it. A channel has the
 * address of its dataflow, and names its two ends by their numbers. Materialize has operators
 * within operators, whose addresses are longer: they count as the one around them. It has several
 * workers, too, whose rows are summed.
 */

/** The tables that are needed. */
export const TABLES = [
  "mz_dataflow_operator_dataflows",
  "mz_dataflow_operator_addresses",
  "mz_dataflow_channels",
  "mz_message_counts",
  "mz_records_per_dataflow_operator",
];

/** @typedef {{ id: string, name: string, records: number }} Operator */
/** @typedef {{ id: string, from: string, to: string, sent: number }} Channel */
/** @typedef {{ name: string, operators: Operator[], channels: Channel[] }} Dataflow */

/**
 * Read all dataflows, sorted by their names.
 *
 * @param {(table: string) => readonly any[]} rowsOf
 * @returns {Dataflow[]}
 */
export function readDataflows(rowsOf) {
  const addresses = new Map(
    rowsOf("mz_dataflow_operator_addresses").map(({ id, address }) => [
      String(id),
      numbersOf(address),
    ]),
  );
  const records = sums(rowsOf("mz_records_per_dataflow_operator"), "id", "records", (id) =>
    (addresses.get(id) ?? []).slice(0, 2).join(),
  );
  const sent = sums(rowsOf("mz_message_counts"), "channel", "sent", (id) => id);
  /** @type {Map<string, { name: string, operators: Map<string, Operator>, channels: Map<string, Channel> }>} */
  const found = new Map();
  for (const { id, name, dataflow_name } of rowsOf("mz_dataflow_operator_dataflows")) {
    const address = addresses.get(String(id)) ?? [];
    if (address.length !== 2) continue;
    const [flow, place] = [String(address[0]), address.join()];
    if (!found.has(flow)) {
      const short = String(dataflow_name).replace(/^Dataflow: (?:materialize\.public\.)?/, "");
      found.set(flow, { name: short, operators: new Map(), channels: new Map() });
    }
    const kept = records.get(place) ?? 0;
    found.get(flow)?.operators.set(place, { id: place, name: String(name), records: kept });
  }
  for (const { id, source_node, target_node } of rowsOf("mz_dataflow_channels")) {
    const address = addresses.get(String(id)) ?? [];
    const flow = found.get(address.join());
    const [from, to] = [`${address[0]},${source_node}`, `${address[0]},${target_node}`];
    if (address.length !== 1 || !flow?.operators.has(from) || !flow.operators.has(to)) continue;
    flow.channels.set(String(id), { id: String(id), from, to, sent: sent.get(String(id)) ?? 0 });
  }
  return [...found.values()]
    .map(({ name, operators, channels }) => ({
      name,
      operators: [...operators.values()],
      channels: [...channels.values()],
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The numbers of a list such as `{3,1}`. @param {?string} text */
function numbersOf(text) {
  return (text ?? "").match(/\d+/g)?.map(Number) ?? [];
}

/**
 * Sum a column by what another one leads to.
 *
 * @param {readonly any[]} rows
 * @param {string} key
 * @param {string} value
 * @param {(key: string) => string} groupOf
 */
function sums(rows, key, value, groupOf) {
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const row of rows) {
    const group = groupOf(String(row[key]));
    found.set(group, (found.get(group) ?? 0) + Number(row[value]));
  }
  return found;
}
