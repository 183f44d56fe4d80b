CREATE MATERIALIZED VIEW IF NOT EXISTS edits_by_language AS
-- Changes by the language of the wiki. Shows off a join of two data sets: the stream has the name of
-- the database, the file its language. Changes are counted by wiki first, so few rows are joined.
SELECT code, language, native, sum(edits)::bigint AS edits
FROM (SELECT wiki, count(*) AS edits FROM recentchanges GROUP BY wiki) AS by_wiki
JOIN wikis ON wikis.database = by_wiki.wiki
GROUP BY code, language, native;
