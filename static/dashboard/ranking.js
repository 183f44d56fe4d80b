/**
 * The rows of `top10` as bars, the longest first. Pure.
 *
 * The order of rows is no part of a view, so they are sorted here; editors with equal counts by
 * name, so that two browsers show the same.
 */

/**
 * @param {{user: ?string, count: bigint}[]} rows
 * @returns {{key: string, user: ?string, count: bigint, share: number}[]} `key` tells editors
 *     apart (NULL from the text "null" too); `share` is the bar's length as a part of the longest
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
