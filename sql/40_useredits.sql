CREATE MATERIALIZED VIEW IF NOT EXISTS useredits AS
-- How many changes each editor has made.
SELECT "user", count(*) AS count FROM recentchanges GROUP BY "user";
