CREATE MATERIALIZED VIEW IF NOT EXISTS edit_wars AS
-- Articles that several people have edited several times within five minutes. Shows off groups that
-- come and go: a page is here while its edits are recent. The link is that of the latest edit.
SELECT
    wiki,
    title,
    'https://' || server_name || '/w/index.php?diff=' || max(revision)::text AS url,
    count(DISTINCT "user") AS people,
    count(*) AS edits,
    max("time") AS latest
FROM recent_edits
WHERE namespace = 0 AND NOT bot
GROUP BY wiki, server_name, title
HAVING count(DISTINCT "user") >= 2 AND count(*) >= 4
ORDER BY edits DESC, people DESC, wiki, title
LIMIT 20;
