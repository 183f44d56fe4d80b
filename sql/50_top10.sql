CREATE MATERIALIZED VIEW IF NOT EXISTS top10 AS
-- The ten busiest editors. A view has no order: the page sorts its rows again.
SELECT "user", count FROM useredits ORDER BY count DESC, "user" LIMIT 10;
