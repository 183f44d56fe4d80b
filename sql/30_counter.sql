CREATE MATERIALIZED VIEW IF NOT EXISTS counter AS
-- How many changes there have been.
SELECT count(*) AS count FROM recentchanges;
