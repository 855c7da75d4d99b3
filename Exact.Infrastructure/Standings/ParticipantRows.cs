namespace Exact.Infrastructure.Standings;

/// <summary>What <c>participants</c> and <c>standings</c> hold, as queries over the scores.</summary>
internal static class ParticipantRows
{
    public const string Columns =
        "challenge_id, username, scores, ranked_emd, ranked_ima, best_emd, best_emd_at, best_emd_id, best_ima, best_ima_at, best_ima_id";

    /// <summary>All of them. An array compares by value, then by time, then by the halves of the key.</summary>
    /// <remarks>Most have one score, whose time needs no look-up: they took two thirds of an import's derivation.</remarks>
    public const string Query = """
        SELECT challenge_id, username, scores, ranked_emd, ranked_ima,
            emd AS best_emd,
            CASE WHEN scores > 1 THEN (SELECT created_at FROM scores WHERE id = emd_id) WHEN emd_id IS NOT NULL THEN first END
                AS best_emd_at,
            emd_id AS best_emd_id,
            ima AS best_ima,
            CASE WHEN scores > 1 THEN (SELECT created_at FROM scores WHERE id = ima_id) WHEN ima_id IS NOT NULL THEN first END
                AS best_ima_at,
            ima_id AS best_ima_id
        FROM (
            SELECT challenge_id, username, scores, ranked_emd, ranked_ima, first,
                emd[1] AS emd, (-emd[3])::bigint << 32 | (-emd[4])::bigint AS emd_id,
                ima[1] AS ima, (-ima[3])::bigint << 32 | (-ima[4])::bigint AS ima_id
            FROM (
                SELECT challenge_id, username, count(*)::int AS scores, min(created_at) AS first,
                    count(*) FILTER (WHERE ranks AND emd > '-Infinity' AND emd < 'Infinity')::int AS ranked_emd,
                    count(*) FILTER (WHERE ranks AND ima > '-Infinity' AND ima < 'Infinity')::int AS ranked_ima,
                    max(ARRAY[emd, -date_part('epoch', created_at), -(id >> 32)::float8, -(id & 4294967295)::float8])
                        FILTER (WHERE ranks AND emd > '-Infinity' AND emd < 'Infinity') AS emd,
                    max(ARRAY[ima, -date_part('epoch', created_at), -(id >> 32)::float8, -(id & 4294967295)::float8])
                        FILTER (WHERE ranks AND ima > '-Infinity' AND ima < 'Infinity') AS ima
                FROM (
                    SELECT s.challenge_id, s.username, s.created_at, s.id, coalesce(s.emd_score, s.score) AS emd,
                        s.ima_score AS ima, s.status = 'completed' AND d.id IS NULL AS ranks
                    FROM scores s LEFT JOIN disqualifications d ON d.score_id = s.id
                ) score
                GROUP BY challenge_id, username
            ) arrays
        ) best
        """;

    /// <summary>What <c>standings</c> adds up to.</summary>
    public const string Counts = """
        SELECT challenge_id, count(*)::int AS participants, count(best_emd)::int AS ranked_emd,
            count(best_ima)::int AS ranked_ima, sum(ranked_emd)::bigint AS ranked_emd_scores,
            sum(ranked_ima)::bigint AS ranked_ima_scores, sum(scores)::bigint AS scores
        FROM participants GROUP BY challenge_id
        """;

    public const string FillStandings = $"""
        INSERT INTO standings (
            challenge_id, participants, ranked_emd, ranked_ima, ranked_emd_scores, ranked_ima_scores, scores
        )
        {Counts}
        """;
}
