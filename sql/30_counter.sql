-- How many changes there have been.
CREATE MATERIALIZED VIEW IF NOT EXISTS counter AS
SELECT count(*) AS count FROM recentchanges;
