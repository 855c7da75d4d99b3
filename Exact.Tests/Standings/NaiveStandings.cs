namespace Exact.Tests.Standings;

internal static class NaiveStandings
{
    /// <summary>Rows that are in one of the two and not in the other: what triggers derived, and a naive query.</summary>
    public const string Differences = """
        WITH ranked AS (
            SELECT s.*, coalesce(emd_score, score) AS emd,
                status = 'completed' AND NOT EXISTS (SELECT FROM disqualifications d WHERE d.score_id = s.id) AS ranks
            FROM scores s
        ), emd AS (
            SELECT DISTINCT ON (challenge_id, username) challenge_id, username, emd AS value, created_at, id FROM ranked
            WHERE ranks AND emd > '-Infinity' AND emd < 'Infinity'
            ORDER BY challenge_id, username, emd DESC, created_at, id
        ), ima AS (
            SELECT DISTINCT ON (challenge_id, username) challenge_id, username, ima_score AS value, created_at, id FROM ranked
            WHERE ranks AND ima_score > '-Infinity' AND ima_score < 'Infinity'
            ORDER BY challenge_id, username, ima_score DESC, created_at, id
        ), naive AS (
            SELECT s.challenge_id, s.username, count(*)::int,
                count(*) FILTER (WHERE ranks AND s.emd > '-Infinity' AND s.emd < 'Infinity')::int,
                count(*) FILTER (WHERE ranks AND ima_score > '-Infinity' AND ima_score < 'Infinity')::int,
                emd.value, emd.created_at, emd.id, ima.value, ima.created_at, ima.id
            FROM ranked s LEFT JOIN emd USING (challenge_id, username) LEFT JOIN ima USING (challenge_id, username)
            GROUP BY s.challenge_id, s.username, emd.value, emd.created_at, emd.id, ima.value, ima.created_at, ima.id
        ), derived AS (
            SELECT challenge_id, username, scores, ranked_emd, ranked_ima,
                best_emd, best_emd_at, best_emd_id, best_ima, best_ima_at, best_ima_id
            FROM participants
        ), counted AS (
            SELECT p.challenge_id, count(*)::int, count(best_emd)::int, count(best_ima)::int,
                sum(ranked_emd)::numeric, sum(ranked_ima)::numeric, sum(scores)::numeric FROM participants p
            GROUP BY p.challenge_id
        ), kept AS (
            SELECT challenge_id, sum(participants)::int, sum(ranked_emd)::int, sum(ranked_ima)::int,
                sum(ranked_emd_scores), sum(ranked_ima_scores), sum(scores) FROM standings
            GROUP BY challenge_id HAVING (sum(participants), sum(ranked_emd), sum(ranked_ima), sum(scores)) <> (0, 0, 0, 0)
        )
        SELECT coalesce(string_agg(one::text, '; '), '') FROM (
            (SELECT 'missing ' || naive::text AS one FROM (TABLE naive EXCEPT TABLE derived) naive)
            UNION ALL (SELECT 'wrong ' || derived::text FROM (TABLE derived EXCEPT TABLE naive) derived)
            UNION ALL (SELECT 'uncounted ' || counted::text FROM (TABLE counted EXCEPT TABLE kept) counted)
            UNION ALL (SELECT 'miscounted ' || kept::text FROM (TABLE kept EXCEPT TABLE counted) kept)
        ) difference
        """;
}
