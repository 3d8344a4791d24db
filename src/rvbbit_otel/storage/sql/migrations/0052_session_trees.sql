-- One row for each caller of a session, with the session at the root of its tree and what its own rows add up to; a tree costs the sum over its root.
-- Its parent is that session for the same caller, else, where another caller has the parent, for the first of them by name: each row is in one tree.
-- The root is what has no parent here, or what itself or its parents lead back to, or lies 500 sessions under its root.
CREATE VIEW IF NOT EXISTS session_trees AS
WITH RECURSIVE
runs AS
(
    SELECT
        session_id,
        caller AS caller_id,
        -- Rows that nobody claims state no parent: theirs is that of their session, where that has one.
        max(parent) AS own_parent,
        if(own_parent = '' AND caller = '' AND uniqExactIf(own_parent, own_parent != '') OVER (PARTITION BY session_id) = 1,
            max(own_parent) OVER (PARTITION BY session_id), own_parent) AS parent_session_id,
        max(cascade) AS cascade_id,
        min(first_time) AS started_at,
        max(last_time) AS last_seen_at,
        sum(arraySum(tupleElement(usage, 2))) AS cost,
        sum(arraySum(tupleElement(usage, 3))) AS tokens_in,
        sum(arraySum(tupleElement(usage, 4))) AS tokens_out,
        sum(length(tupleElement(usage, 1))) AS usage_rows
    FROM session_facts FINAL
    GROUP BY session_id, caller
),
children AS
(
    SELECT
        child.session_id AS child_session,
        child.caller_id AS child_caller,
        child.parent_session_id AS under_session,
        if(has(parent.callers, child.caller_id), child.caller_id, parent.callers[1]) AS under_caller
    FROM (SELECT session_id, caller_id, parent_session_id FROM runs WHERE parent_session_id NOT IN ('', session_id)) AS child
    INNER JOIN (SELECT session_id, arraySort(groupArray(caller_id)) AS callers FROM runs GROUP BY session_id) AS parent
        ON parent.session_id = child.parent_session_id
),
tree AS
(
    SELECT session_id, caller_id, session_id AS root_session_id, toUInt16(0) AS depth
    FROM runs
    WHERE (session_id, caller_id) NOT IN (SELECT child_session, child_caller FROM children)
    UNION ALL
    SELECT children.child_session, children.child_caller, tree.root_session_id, toUInt16(tree.depth + 1)
    FROM tree
    INNER JOIN children ON children.under_session = tree.session_id AND children.under_caller = tree.caller_id
    WHERE tree.depth < 500
)
SELECT
    coalesce(nullIf(tree.root_session_id, ''), runs.session_id) AS root_session_id,
    runs.session_id AS session_id,
    runs.caller_id AS caller_id,
    runs.parent_session_id AS parent_session_id,
    ifNull(tree.depth, 0) AS depth,
    runs.cascade_id AS cascade_id,
    runs.started_at AS started_at,
    runs.last_seen_at AS last_seen_at,
    runs.cost AS cost,
    runs.tokens_in AS tokens_in,
    runs.tokens_out AS tokens_out,
    runs.usage_rows AS usage_rows
FROM runs
LEFT JOIN tree ON tree.session_id = runs.session_id AND tree.caller_id = runs.caller_id
