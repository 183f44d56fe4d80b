/**
 * The checksum of a view's rows: the sum, modulo 2^32, of `weight * hash(row)`.
 *
 * `viewstream/checksum.py` computes the same numbers and explains the design;
 * `tests/vectors/checksum.json` tests both. The hash of a row is the CRC-32 (RFC 1952, section 8)
 * of its JSON in UTF-8, mixed by the `lowbias32` function found by Chris Wellons' hash prospector.
 */

/** The CRC of each byte; signed, since V8 computes with 32-bit integers that are. */
const CRC_OF_BYTE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/**
 * @param {number} crc
 * @param {number} byte
 */
function addByte(crc, byte) {
  return (crc >>> 8) ^ /** @type {number} */ (CRC_OF_BYTE[(crc ^ byte) & 0xff]);
}

/**
 * Compute the CRC-32 of the UTF-8 encoding of `text`, which must have no lone surrogates.
 *
 * @param {string} text
 */
function crc32(text) {
  let crc = -1;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) {
      crc = addByte(crc, unit);
      continue;
    }
    const point = /** @type {number} */ (text.codePointAt(index));
    if (point < 0x800) {
      crc = addByte(crc, 0xc0 | (point >> 6));
    } else if (point < 0x10000) {
      crc = addByte(crc, 0xe0 | (point >> 12));
      crc = addByte(crc, 0x80 | ((point >> 6) & 0x3f));
    } else {
      index += 1; // the second half of the surrogate pair
      crc = addByte(crc, 0xf0 | (point >> 18));
      crc = addByte(crc, 0x80 | ((point >> 12) & 0x3f));
      crc = addByte(crc, 0x80 | ((point >> 6) & 0x3f));
    }
    crc = addByte(crc, 0x80 | (point & 0x3f));
  }
  return crc ^ -1;
}

/**
 * Hash a row, given as its JSON without blanks, to an integer from 0 to 2^32-1.
 *
 * @param {string} json the result of `JSON.stringify(row)`
 */
export function rowHash(json) {
  let mixed = crc32(json);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/**
 * Add `weight` copies (fewer, if negative) of the row with that hash.
 *
 * `Math.imul` takes its arguments modulo 2^32, so every safe integer is a valid weight.
 *
 * @param {number} checksum
 * @param {number} weight
 * @param {number} hash
 */
export function addToChecksum(checksum, weight, hash) {
  return (checksum + Math.imul(weight, hash)) >>> 0;
}
