/**
 * Rows with a count as bars, the longest first. Pure.
 *
 * A view has no order, so the rows are sorted here; rows with equal counts by name, so that two
 * browsers show the same.
 */

/**
 * @template Row
 * @param {readonly Row[]} rows
 * @param {(row: Row) => ?string} nameOf
 * @param {(row: Row) => number | bigint} countOf
 * @returns {{key: string, row: Row, count: number | bigint, share: number}[]} `key` identifies the
 *     name (NULL and the text "null" differ); `share` is the length as a part of the longest
 */
export function ranking(rows, nameOf, countOf) {
  const sorted = [...rows].sort((a, b) => {
    const [first, second] = [countOf(a), countOf(b)];
    if (first !== second) return first < second ? 1 : -1;
    return (nameOf(a) ?? "") < (nameOf(b) ?? "") ? -1 : 1;
  });
  const longest = sorted.length > 0 ? Number(countOf(sorted[0])) : 0;
  return sorted.map((row) => ({
    key: JSON.stringify(nameOf(row)),
    row,
    count: countOf(row),
    share: longest > 0 ? Math.max(0, Number(countOf(row)) / longest) : 0,
  }));
}
