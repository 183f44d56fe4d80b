-- The ten busiest editors. A view has no order: the page sorts its rows again.
CREATE MATERIALIZED VIEW IF NOT EXISTS top10 AS
SELECT "user", count FROM useredits ORDER BY count DESC, "user" LIMIT 10;
