-- How many changes each editor has made.
CREATE MATERIALIZED VIEW IF NOT EXISTS useredits AS
SELECT "user", count(*) AS count FROM recentchanges GROUP BY "user";
