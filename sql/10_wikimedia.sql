-- The file that scripts/source writes, followed as it grows: one row for each `data: {..}` line.
-- A line that a crash cut ends with ` torn` and does not match, so it is no row. The path, as the
-- engine sees it, is a variable: scripts/apply_sql --source, or psql -v source=.
CREATE SOURCE IF NOT EXISTS wikimedia
FROM FILE :'source' WITH (tail = true, timestamp_frequency_ms = 100)
FORMAT REGEX '^data: (?P<data>\{.*\})$';
