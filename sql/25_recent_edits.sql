-- The edits of the last five minutes. Shows off a temporal filter: as time goes on, rows leave by
-- themselves. Several views are built over its index, so the filter works once for all of them.
CREATE VIEW IF NOT EXISTS recent_edits AS
SELECT
    id,
    "timestamp",
    to_timestamp("timestamp") AS "time",
    wiki,
    server_name,
    namespace,
    title,
    "user",
    coalesce(bot, false) AS bot,
    length_new - coalesce(length_old, 0) AS bytes,
    revision_new AS revision,
    'https://' || server_name || '/w/index.php?diff=' || revision_new::text AS url
FROM recentchanges
WHERE type IN ('edit', 'new') AND mz_logical_timestamp() < ("timestamp" + 300) * 1000;

CREATE DEFAULT INDEX ON recent_edits;
