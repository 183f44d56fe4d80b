CREATE MATERIALIZED VIEW IF NOT EXISTS editors AS
-- How many changes are by people, and how many by bots. Shows off a sum of two rows: it is the counter
-- at every time, though another view computes it.
SELECT kind, count(*) AS edits
FROM (SELECT CASE WHEN bot THEN 'bots' ELSE 'people' END AS kind FROM recentchanges) AS changes
GROUP BY kind;
