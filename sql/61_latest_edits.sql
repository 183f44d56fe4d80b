CREATE MATERIALIZED VIEW IF NOT EXISTS latest_edits AS
-- The latest ten edits. Shows off a top-k by time: each new row drives out an old one.
SELECT latest.id, "time", title, "user", wiki, language, url, bytes, bot
FROM (SELECT * FROM recent_edits ORDER BY "timestamp" DESC, id DESC LIMIT 10) AS latest
LEFT JOIN wikis ON wikis.database = latest.wiki;
