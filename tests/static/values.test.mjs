// Text values to JavaScript values: nothing may lose a digit or an instant.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readValue, rowReader } from "../../static/viewstream/values.js";

const CASES = [
  ["int4", "-2147483648", -2147483648],
  ["int2", "7", 7],
  ["int8", "9223372036854775807", 9223372036854775807n],
  ["int8", "-9223372036854775808", -9223372036854775808n],
  ["int8", "12", 12],
  ["numeric", "0.1000000000000000000000000001", "0.1000000000000000000000000001"],
  ["numeric", "123456789012345678901234567890", "123456789012345678901234567890"],
  ["float8", "1e+300", 1e300],
  ["float8", "Infinity", Infinity],
  ["float8", "-Infinity", -Infinity],
  ["float8", "NaN", NaN],
  ["float4", "0.1", 0.1],
  ["bool", "t", true],
  ["bool", "f", false],
  ["text", "t", "t"],
  ["text", "", ""],
  ["jsonb", '{"a":12345678901234567890}', '{"a":12345678901234567890}'],
  ["timestamp", "2020-01-02 03:04:05", "2020-01-02 03:04:05"],
  ["timestamptz", "2020-01-02 01:04:05+00", "2020-01-02T01:04:05Z"],
  ["timestamptz", "2020-01-02 01:04:05.123456+00", "2020-01-02T01:04:05.123456Z"],
  ["timestamptz", "2020-01-01 23:30:00.5-05:30", "2020-01-02T05:00:00.5Z"],
  ["timestamptz", "2020-03-01 00:30:00+01", "2020-02-29T23:30:00Z"],
  ["timestamptz", "1880-01-01 00:00:00-00:25:21", "1880-01-01T00:25:21Z"],
  ["timestamptz", "0099-12-31 23:59:59+00", "0099-12-31T23:59:59Z"],
  ["timestamptz", "12020-01-02 03:04:05+00", "+012020-01-02T03:04:05Z"],
  ["timestamptz", "infinity", "infinity"],
  ["timestamptz", "0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00+00 BC"],
  ["no such type", "x", "x"],
  ["constructor", "x", "x"],
];

for (const [type, text, value] of CASES) {
  test(`${type} ${text}`, () => assert.equal(readValue(type, text), value));
}

test("NULL is null, whatever the type", () => {
  for (const type of ["text", "int8", "bool", "timestamptz"]) {
    assert.equal(readValue(type, null), null);
  }
});

test("a timestamptz is read by Date as the instant it is", () => {
  const value = readValue("timestamptz", "2020-01-02 06:34:05.678+05:30");
  assert.equal(new Date(value).getTime(), Date.UTC(2020, 0, 2, 1, 4, 5, 678));
});

test("rows are objects, whatever their columns are called", () => {
  const read = rowReader([
    { name: "user", type: "text" },
    { name: "__proto__", type: "int8" },
  ]);
  const row = read(["Alice", "12"]);
  assert.deepEqual(Object.entries(row), [
    ["user", "Alice"],
    ["__proto__", 12],
  ]);
});
