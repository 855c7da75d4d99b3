namespace Exact.Infrastructure.Standings;

/// <summary>What <c>participants</c> holds, as a query over the scores.</summary>
internal static class ParticipantRows
{
    public const string Columns =
        "challenge_id, username, scores, best_emd, best_emd_at, best_emd_id, best_ima, best_ima_at, best_ima_id";

    /// <summary>All of them. An array compares by value, then by time, then by key.</summary>
    public const string Query = """
        SELECT challenge_id, username, scores,
            emd[1] AS best_emd, to_timestamp(-emd[2]) AS best_emd_at, -emd[3]::bigint AS best_emd_id,
            ima[1] AS best_ima, to_timestamp(-ima[2]) AS best_ima_at, -ima[3]::bigint AS best_ima_id
        FROM (
            SELECT challenge_id, username, count(*)::int AS scores,
                max(ARRAY[emd, -date_part('epoch', created_at), -id::float8])
                    FILTER (WHERE ranks AND emd > '-Infinity' AND emd < 'Infinity') AS emd,
                max(ARRAY[ima, -date_part('epoch', created_at), -id::float8])
                    FILTER (WHERE ranks AND ima > '-Infinity' AND ima < 'Infinity') AS ima
            FROM (
                SELECT s.challenge_id, s.username, s.created_at, s.id, coalesce(s.emd_score, s.score) AS emd,
                    s.ima_score AS ima, s.status = 'completed' AND d.id IS NULL AS ranks
                FROM scores s LEFT JOIN disqualifications d ON d.score_id = s.id
            ) score
            GROUP BY challenge_id, username
        ) best
        """;
}
