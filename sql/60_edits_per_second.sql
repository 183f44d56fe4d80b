CREATE MATERIALIZED VIEW IF NOT EXISTS edits_per_second AS
-- Changes in each second of the last five minutes, the same for each page that asks. Shows off a
-- time series: a chart is whole at the first paint, and its old end leaves by itself.
SELECT to_timestamp("timestamp") AS second, count(*) AS edits
FROM recentchanges
WHERE mz_logical_timestamp() < ("timestamp" + 300) * 1000
GROUP BY "timestamp";
