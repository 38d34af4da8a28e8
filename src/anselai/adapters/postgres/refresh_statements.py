"""The statements of token refreshes. Each answers with whether the connection exists, and with its columns."""

# ruff: noqa: S608  only names of columns are formatted into a statement, never a value

from typing import Final

from anselai.adapters.postgres.connection_rows import COLUMNS, of

_OURS: Final = "studio = %(studio)s AND platform = %(platform)s"
_FREE: Final = "(refresh_owner IS NULL OR refresh_lease_expires_at <= statement_timestamp())"

# A right that is not free is not waited for: the row is locked only if it is. `found` is as it was before.
BEGIN_REFRESH: Final = f"""
WITH found AS (
    SELECT {COLUMNS}, refresh_asked_by = %(owner)s IS TRUE AS is_own_question,
        coalesce(refresh_not_before <= statement_timestamp(), true) AND id = coalesce(%(seen_id)s, id)
            AND token_version = coalesce(%(seen_token_version)s, token_version) AS held
    FROM platform_connections WHERE {_OURS} AND ({_FREE} OR refresh_owner = %(owner)s) FOR NO KEY UPDATE
), taken AS (
    UPDATE platform_connections c SET
        refresh_owner = %(owner)s, refresh_lease_expires_at = statement_timestamp() + %(lease)s,
        refresh_asked_at = coalesce(c.refresh_asked_at, statement_timestamp()),
        refresh_asked_by = coalesce(c.refresh_asked_by, %(owner)s),
        refresh_at = least(c.refresh_at, statement_timestamp() + %(lease)s)
    FROM found WHERE c.id = found.id AND found.held
)
SELECT EXISTS (SELECT FROM platform_connections WHERE {_OURS}), statement_timestamp(), found.held,
    found.is_own_question, {of("found")}
FROM (VALUES (1)) AS one LEFT JOIN found ON true
"""

# `closes`: the question of this owner, or, with new tokens, whoever's. `is_used_up`: only the access token was replaced
# meanwhile, so the stored refresh token is the one that was given for the new one; also when it was sealed anew, which
# shows by the question that is open still.
END_REFRESH: Final = f"""
WITH found AS (
    SELECT id, (id, token_version) = (%(id_before)s, %(token_version_before)s) AS unchanged,
        (%(new_refresh_token)s AND id = %(id_before)s AND refresh_token IS NOT NULL
            AND (refresh_token = %(refresh_token_before)s OR refresh_asked_by = %(owner)s)) IS TRUE AS is_used_up,
        refresh_owner = %(owner)s IS TRUE AS held,
        (refresh_owner = %(owner)s AND refresh_asked_by = %(owner)s AND NOT %(stays_open)s) IS TRUE AS closes
    FROM platform_connections WHERE {_OURS} FOR NO KEY UPDATE
), stored AS (
    UPDATE platform_connections c SET
        access_token = CASE WHEN %(new_access_token)s THEN %(access_token)s ELSE access_token END,
        refresh_token = CASE WHEN %(new_refresh_token)s THEN %(refresh_token)s ELSE refresh_token END,
        token_version = token_version + CASE WHEN %(new_tokens)s THEN 1 ELSE 0 END,
        token_expires_at = CASE WHEN %(new_expiry)s THEN %(token_expires_at)s ELSE token_expires_at END,
        scopes = CASE WHEN %(new_scopes)s THEN %(scopes)s ELSE scopes END,
        status = %(status)s, updated_at = %(updated_at)s,
        last_error_code = %(last_error_code)s, last_error = left(%(last_error)s, 1000), version = version + 1,
        refresh_at = %(refresh_at)s, refresh_failures = %(refresh_failures)s,
        refresh_not_before = %(refresh_not_before)s, refresh_ended = %(refresh_ended)s,
        refresh_asked_at = CASE WHEN NOT (found.closes OR %(new_tokens)s) THEN refresh_asked_at END,
        refresh_asked_by = CASE WHEN NOT (found.closes OR %(new_tokens)s) THEN refresh_asked_by END,
        refresh_owner = nullif(refresh_owner, %(owner)s),
        refresh_lease_expires_at = CASE WHEN NOT found.held THEN refresh_lease_expires_at END
    FROM found WHERE c.id = found.id AND found.unchanged
    RETURNING {of("c")}
), given_back AS (
    UPDATE platform_connections c SET
        refresh_token = CASE WHEN found.is_used_up THEN %(refresh_token)s ELSE refresh_token END,
        token_version = token_version + CASE WHEN found.is_used_up THEN 1 ELSE 0 END,
        version = version + CASE WHEN found.is_used_up THEN 1 ELSE 0 END,
        refresh_asked_at = CASE WHEN NOT (found.closes OR found.is_used_up) THEN refresh_asked_at END,
        refresh_asked_by = CASE WHEN NOT (found.closes OR found.is_used_up) THEN refresh_asked_by END,
        refresh_owner = nullif(refresh_owner, %(owner)s),
        refresh_lease_expires_at = CASE WHEN NOT found.held THEN refresh_lease_expires_at END
    FROM found WHERE c.id = found.id AND NOT found.unchanged AND (found.held OR found.is_used_up)
)
SELECT EXISTS (SELECT FROM found), stored.* FROM (VALUES (1)) AS one LEFT JOIN stored ON true
"""

GIVE_BACK: Final = f"""
WITH found AS (
    SELECT id, (id, token_version) = (%(id_before)s, %(token_version_before)s) AS unchanged,
        refresh_owner = %(owner)s IS TRUE AS held,
        (refresh_owner = %(owner)s AND refresh_asked_by = %(owner)s) IS TRUE AS closes
    FROM platform_connections WHERE {_OURS} FOR NO KEY UPDATE
), stored AS (
    UPDATE platform_connections c SET
        refresh_owner = nullif(refresh_owner, %(owner)s),
        refresh_lease_expires_at = CASE WHEN NOT found.held THEN refresh_lease_expires_at END,
        refresh_asked_at = CASE WHEN NOT found.closes THEN refresh_asked_at END,
        refresh_asked_by = CASE WHEN NOT found.closes THEN refresh_asked_by END,
        refresh_at = CASE WHEN found.held AND found.unchanged THEN %(refresh_at_before)s ELSE refresh_at END
    FROM found WHERE c.id = found.id
    RETURNING found.unchanged, {of("c")}
)
SELECT EXISTS (SELECT FROM found), given_back.*
FROM (VALUES (1)) AS one LEFT JOIN (SELECT {COLUMNS} FROM stored WHERE unchanged) AS given_back ON true
"""

DUE_REFRESHES: Final = f"""
WITH due AS (
    SELECT id, refresh_at FROM platform_connections
    WHERE platform = %(platform)s AND refresh_at <= statement_timestamp() AND {_FREE}
        AND (refresh_asked_at IS NOT NULL OR NOT %(asked_only)s)
    ORDER BY refresh_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
), handed_out AS (
    UPDATE platform_connections c SET refresh_at = statement_timestamp() + %(hold)s
    FROM due WHERE c.id = due.id
    RETURNING due.refresh_at AS was_due_at, {of("c")}
)
SELECT {COLUMNS} FROM handed_out ORDER BY was_due_at
"""
