-- The ten busiest editors. The order itself is no part of a view: who shows it sorts it again.
CREATE MATERIALIZED VIEW IF NOT EXISTS top10 AS
SELECT "user", count FROM useredits ORDER BY count DESC, "user" LIMIT 10;
