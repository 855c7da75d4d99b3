namespace Exact.Infrastructure.Submissions;

/// <summary>The statements of the queue. Each locks the score before its submission, as a deletion does.</summary>
/// <remarks>
/// A submission is held while it has a lease and <c>lease_until</c>. Afterwards it keeps the lease, so that a repeated
/// result is recognised. All times are by the database's clock.
/// </remarks>
internal static class QueueSql
{
    private const string Waits = "(b.lease_until IS NULL OR (b.lease_until <= now() AND b.attempts < @max))";

    /// <summary>What the index of the queue holds.</summary>
    private const string Queued = "(s.status = 'pending' OR s.status = 'running')";

    /// <summary>The challenge with the fewest evaluations comes first, then its oldest submission.</summary>
    /// <remarks>It goes through the index from challenge to challenge, and reads one of them only up to the first that waits.</remarks>
    public const string Claim = $"""
        WITH RECURSIVE queues AS (
            (SELECT s.challenge_id, s.id FROM scores s WHERE {Queued} ORDER BY s.challenge_id, s.id LIMIT 1)
            UNION ALL
            SELECT other.challenge_id, other.id
            FROM queues q
            CROSS JOIN LATERAL (
                SELECT s.challenge_id, s.id FROM scores s WHERE {Queued} AND s.challenge_id > q.challenge_id
                ORDER BY s.challenge_id, s.id LIMIT 1
            ) other
        ), running AS (
            SELECT s.challenge_id, count(*) AS number FROM submissions b JOIN scores s ON s.id = b.score_id
            WHERE b.lease IS NOT NULL AND b.lease_until > now() GROUP BY s.challenge_id
        ), next AS (
            SELECT first.id, first.is_lost, first.queued_at
            FROM (
                SELECT q.challenge_id FROM queues q LEFT JOIN running r ON r.challenge_id = q.challenge_id
                ORDER BY coalesce(r.number, 0), q.id
            ) fair
            CROSS JOIN LATERAL (
                SELECT b.id, b.lease_until IS NOT NULL AS is_lost, b.queued_at
                FROM scores s JOIN submissions b ON b.score_id = s.id
                WHERE s.challenge_id = fair.challenge_id AND {Queued} AND {Waits}
                AND ((@emd AND s.emd_score IS NULL) OR (@ima AND s.ima_score IS NULL))
                ORDER BY s.id LIMIT 1
                FOR UPDATE OF s, b SKIP LOCKED
            ) first
            LIMIT 1
        ), started AS (
            UPDATE submissions b
            SET lease = gen_random_uuid(), lease_until = now() + @lease, worker = @worker, attempts = attempts + 1,
                started_at = now(), finished_at = NULL, log = NULL
            FROM next WHERE b.id = next.id
            RETURNING b.id, b.score_id, b.lease, b.lease_until, b.attempts, next.is_lost, now() - next.queued_at AS waited
        )
        UPDATE scores s SET status = 'running' FROM started WHERE s.id = started.score_id
        RETURNING started.id, s.id, lease, lease_until, attempts, s.challenge_id, s.username, s.method_name,
            @emd AND s.emd_score IS NULL, @ima AND s.ima_score IS NULL, is_lost, waited
        """;

    /// <summary>The places of submissions in the queue of their challenge, which is counted once for all of them.</summary>
    public const string Places = """
        SELECT id, place
        FROM (
            SELECT b.id, row_number() OVER (ORDER BY s.id) AS place
            FROM scores s JOIN submissions b ON b.score_id = s.id
            WHERE s.challenge_id = @challenge_id AND s.status = 'pending'
            AND s.id <= (SELECT max(score_id) FROM submissions WHERE id = ANY(@ids))
        ) queue
        WHERE id = ANY(@ids)
        """;

    public const string HasWork = """
        SELECT EXISTS (
            SELECT FROM scores s JOIN submissions b ON b.score_id = s.id
            WHERE s.status IN ('pending', 'running') AND (b.lease_until IS NULL OR b.lease_until <= now())
        )
        """;

    /// <summary>Counts what the index of the queue holds, and no more than a bound, so that a scrape stays cheap.</summary>
    public const string Length = $"""
        SELECT count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status = 'running'),
            coalesce(now() - min(queued_at) FILTER (WHERE status = 'pending'), '0')
        FROM (
            SELECT s.id, s.status FROM scores s WHERE {Queued} LIMIT 10000
        ) queue
        CROSS JOIN LATERAL (SELECT queued_at FROM submissions WHERE score_id = queue.id LIMIT 1) submission
        """;

    /// <summary>The submission, if this lease is the current one.</summary>
    private const string Held = """
        held AS MATERIALIZED (
            SELECT b.id, b.score_id, b.attempts FROM scores s JOIN submissions b ON b.score_id = s.id
            WHERE b.id = @id AND b.lease = @lease AND b.lease_until IS NOT NULL AND s.status = 'running'
            FOR UPDATE OF s, b
        )
        """;

    public const string Heartbeat = $"""
        WITH {Held}
        UPDATE submissions b SET lease_until = now() + @period FROM held WHERE b.id = held.id RETURNING b.lease_until
        """;

    /// <summary>Stores what the score lacks; a value that it has already is kept, such as one that was not to be measured again.</summary>
    /// <remarks>It returns whether it ended the evaluation now; false if that had been done. So does <see cref="Fail"/>.</remarks>
    public const string Complete = $"""
        WITH {Held}, scored AS (
            UPDATE scores s
            SET status = 'completed', error_message = NULL,
                score = CASE WHEN emd_score IS NULL THEN coalesce(@emd_score::float8, score) ELSE score END,
                emd_score = coalesce(emd_score, @emd_score::float8),
                emd_std = CASE WHEN emd_score IS NULL AND @emd_score::float8 IS NOT NULL THEN @emd_std::float8 ELSE emd_std END,
                ima_score = coalesce(ima_score, @ima_score::float8),
                ima_std = CASE WHEN ima_score IS NULL AND @ima_score::float8 IS NOT NULL THEN @ima_std::float8 ELSE ima_std END
            FROM held WHERE s.id = held.score_id
        ), ended AS (
            UPDATE submissions b SET lease_until = NULL, finished_at = now(), log = @log::text
            FROM held WHERE b.id = held.id RETURNING 1
        )
        SELECT true FROM ended
        UNION ALL
        SELECT false FROM scores s JOIN submissions b ON b.score_id = s.id
        WHERE b.id = @id AND b.lease = @lease AND s.status = 'completed'
        AND coalesce(s.emd_score = @emd_score::float8, true) AND coalesce(s.ima_score = @ima_score::float8, true)
        AND (@emd_score::float8 IS NULL OR s.emd_std IS NOT DISTINCT FROM @emd_std::float8)
        AND (@ima_score::float8 IS NULL OR s.ima_std IS NOT DISTINCT FROM @ima_std::float8)
        """;

    public const string Fail = $"""
        WITH {Held}, scored AS (
            UPDATE scores s SET status = 'failed', error_message = @error FROM held WHERE s.id = held.score_id
        ), ended AS (
            UPDATE submissions b SET lease_until = NULL, finished_at = now(), log = @log::text
            FROM held WHERE b.id = held.id RETURNING 1
        )
        SELECT true FROM ended
        UNION ALL
        SELECT false FROM scores s JOIN submissions b ON b.score_id = s.id
        WHERE b.id = @id AND b.lease = @lease AND s.status = 'failed' AND s.error_message = @error
        """;

    /// <summary>Gives a submission back. One that nothing happened to keeps its attempt.</summary>
    /// <remarks>It returns whether it gave the evaluation up.</remarks>
    public const string Release = $"""
        WITH {Held}, left_over AS (
            SELECT id, score_id, attempts - @returned AS attempts, attempts - @returned < @max AS again FROM held
        ), scored AS (
            UPDATE scores s
            SET status = CASE WHEN again THEN 'pending' ELSE 'failed' END,
                error_message = CASE WHEN again THEN NULL ELSE @error END
            FROM left_over WHERE s.id = left_over.score_id
        )
        UPDATE submissions b
        SET lease = NULL, lease_until = NULL, worker = NULL, log = @log::text, counts = counts AND again,
            attempts = left_over.attempts, finished_at = CASE WHEN again THEN NULL ELSE now() END
        FROM left_over WHERE b.id = left_over.id RETURNING NOT again
        """;

    public const string GiveUp = """
        WITH lost AS MATERIALIZED (
            SELECT b.id, b.score_id FROM scores s JOIN submissions b ON b.score_id = s.id
            WHERE b.lease IS NOT NULL AND b.lease_until <= now() AND b.attempts >= @max AND s.status = 'running'
            FOR UPDATE OF s, b SKIP LOCKED
        ), scored AS (
            UPDATE scores s SET status = 'failed', error_message = @error FROM lost WHERE s.id = lost.score_id
        ), ended AS (
            UPDATE submissions b SET lease = NULL, lease_until = NULL, counts = false, finished_at = now()
            FROM lost WHERE b.id = lost.id RETURNING 1
        )
        SELECT count(*) FROM ended
        """;
}
