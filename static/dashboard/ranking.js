/**
 * The rows of `top10` as bars, the longest first. Pure.
 *
 * A view has no order, so the rows are sorted here; editors with equal counts by name, so that two
 * browsers show the same.
 */

/**
 * @param {{user: ?string, count: number | bigint}[]} rows
 * @returns {{key: string, user: ?string, count: number | bigint, share: number}[]} `key` identifies
 *     the editor (NULL and the text "null" differ); `share` is the length as a part of the longest
 */
export function ranking(rows) {
  const sorted = [...rows].sort(byCountThenName);
  const longest = sorted.length > 0 ? Number(sorted[0].count) : 0;
  return sorted.map(({ user, count }) => ({
    key: JSON.stringify(user),
    user,
    count,
    share: longest > 0 ? Math.max(0, Number(count) / longest) : 0,
  }));
}

function byCountThenName(a, b) {
  if (a.count !== b.count) return a.count < b.count ? 1 : -1;
  const [first, second] = [a.user ?? "", b.user ?? ""];
  if (first === second) return 0;
  return first < second ? -1 : 1;
}
