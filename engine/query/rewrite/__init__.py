"""Rewrites of plans: subqueries become joins, conditions move down, columns are pruned."""
