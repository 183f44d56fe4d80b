CREATE MATERIALIZED VIEW IF NOT EXISTS biggest_changes AS
-- The ten edits of the last hour that added or removed most. Shows off a filter before a top-k, which
-- must remember every row that may still become one of the ten.
SELECT
    id,
    to_timestamp("timestamp") AS "time",
    title,
    "user",
    wiki,
    'https://' || server_name || '/w/index.php?diff=' || revision_new::text AS url,
    bytes,
    bot
FROM (
    SELECT *, length_new - coalesce(length_old, 0) AS bytes
    FROM recentchanges
    WHERE type IN ('edit', 'new')
) AS edits
WHERE abs(bytes) >= 5000 AND mz_logical_timestamp() < ("timestamp" + 3600) * 1000
ORDER BY abs(bytes) DESC, id
LIMIT 10;
