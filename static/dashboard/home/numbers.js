/** Numbers for people. Pure. */

const whole = new Intl.NumberFormat();
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const finePercent = new Intl.NumberFormat(undefined, {
  style: "percent",
  maximumFractionDigits: 1,
  minimumFractionDigits: 1,
});

/** @param {number | bigint} count */
export function countText(count) {
  return whole.format(count);
}

/** A part of a whole, between 0 and 1: 61 %, and 0.4 % where a whole number would hide it. */
export function shareText(share) {
  return shareTexts([share])[0];
}

/** All parts of one whole, to one precision, so that they add up: 94.4% and 5.6%. @param {number[]} shares */
export function shareTexts(shares) {
  const isFine = shares.some((share) => share > 0 && share < 0.0995);
  return shares.map((share) => (isFine ? finePercent : percent).format(share));
}

/** The size of a change, such as +1,204 or −56. */
export function changeText(bytes) {
  if (bytes === null) return "";
  const size = whole.format(bytes < 0 ? -bytes : bytes);
  return bytes < 0 ? `−${size}` : bytes > 0 ? `+${size}` : "±0";
}

/** "1 edit", "2 edits". */
export function countOf(count, one, many = `${one}s`) {
  return `${countText(count)} ${Number(count) === 1 ? one : many}`;
}

/** The sum of counts, exact also beyond 2^53. @param {readonly (number | bigint)[]} counts */
export function sumOf(counts) {
  return counts.some((count) => typeof count === "bigint")
    ? counts.reduce((sum, count) => BigInt(sum) + BigInt(count), 0n)
    : counts.reduce((sum, count) => Number(sum) + Number(count), 0);
}
