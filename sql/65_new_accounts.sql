CREATE MATERIALIZED VIEW IF NOT EXISTS new_accounts AS
-- Accounts that were created within the last hour, and their edits of the last five minutes. Shows off
-- a join of two streams out of one source, the log and the edits, which come in any order.
SELECT edits.id, accounts."user", accounts.created, edits."time", title, wiki, url, bytes
FROM (
    SELECT "user", to_timestamp(min("timestamp")) AS created
    FROM recentchanges
    WHERE log_type = 'newusers' AND log_action = 'create'
        AND mz_logical_timestamp() < ("timestamp" + 3600) * 1000
    GROUP BY "user"
) AS accounts
JOIN recent_edits AS edits ON edits."user" = accounts."user";
