CREATE MATERIALIZED VIEW IF NOT EXISTS top10_5min AS
-- The same over the last five minutes, in steps of five seconds. Shows off how alive a ranking is
-- from which rows leave.
SELECT "user", count(*) AS count
FROM (SELECT "user", "timestamp" / 5 AS step FROM recentchanges) AS changes
WHERE mz_logical_timestamp() < (step + 61) * 5000
GROUP BY "user"
ORDER BY count DESC, "user"
LIMIT 10;
