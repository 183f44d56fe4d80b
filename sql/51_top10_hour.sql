CREATE MATERIALIZED VIEW IF NOT EXISTS top10_hour AS
-- The same over the last hour. Shows off a temporal filter over whole minutes: changes of one editor
-- in one minute are equal rows, so an hour of them is small, and they leave together.
SELECT "user", count(*) AS count
FROM (SELECT "user", "timestamp" / 60 AS minute FROM recentchanges) AS changes
WHERE mz_logical_timestamp() < (minute + 61) * 60000
GROUP BY "user"
ORDER BY count DESC, "user"
LIMIT 10;
