using Exact.Infrastructure.Migrating.Linting;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Exact.Infrastructure.Database.Migrations
{
    /// <summary>Derives participants and standings from the scores by triggers (docs/decisions/standings.md).</summary>
    [Allow(
        AllowAttribute.RawSql,
        "CREATE TRIGGER stops the writers of scores until the fill ends: seconds for a million scores. Readers go on. Running "
            + "replicas of the old code see nothing of it"
    )]
    [DbContext(typeof(ExactDbContext))]
    [Migration("20261126194956_DeriveStandings")]
    public class DeriveStandings : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                """
                CREATE FUNCTION refresh_participants(of_challenges text[], of_usernames text[]) RETURNS void
                LANGUAGE plpgsql SET search_path FROM CURRENT AS $refresh$
                BEGIN
                    -- A row that is missing cannot be locked, so it is made first.
                    INSERT INTO participants (challenge_id, username, scores, ranked_emd, ranked_ima)
                    SELECT pair.challenge_id, pair.username, 0, 0, 0
                    FROM unnest(of_challenges, of_usernames) AS pair (challenge_id, username)
                    WHERE EXISTS (
                        SELECT FROM scores s
                        WHERE s.challenge_id = pair.challenge_id AND s.username = pair.username
                    )
                    ORDER BY 1, 2
                    ON CONFLICT DO NOTHING;

                    PERFORM FROM participants p
                    JOIN unnest(of_challenges, of_usernames) AS pair (challenge_id, username)
                        ON p.challenge_id = pair.challenge_id AND p.username = pair.username
                    ORDER BY p.challenge_id, p.username
                    FOR UPDATE OF p;

                    -- A statement of its own, because it must see what the former holders of these locks have committed.
                    WITH score AS (
                        SELECT pair.challenge_id, pair.username, s.id, s.created_at, s.ima_score AS ima,
                            coalesce(s.emd_score, s.score) AS emd, s.status = 'completed' AND d.id IS NULL AS ranks
                        FROM unnest(of_challenges, of_usernames) AS pair (challenge_id, username)
                        LEFT JOIN scores s ON s.challenge_id = pair.challenge_id AND s.username = pair.username
                        LEFT JOIN disqualifications d ON d.score_id = s.id
                    ), best AS (
                        -- An array compares by value, then by time, then by the halves of the key.
                        SELECT challenge_id, username, count(id)::int AS scores,
                            count(*) FILTER (WHERE ranks AND emd > '-Infinity' AND emd < 'Infinity')::int AS ranked_emd,
                            count(*) FILTER (WHERE ranks AND ima > '-Infinity' AND ima < 'Infinity')::int AS ranked_ima,
                            max(
                                ARRAY[emd, -date_part('epoch', created_at), -(id >> 32)::float8, -(id & 4294967295)::float8]
                            ) FILTER (WHERE ranks AND emd > '-Infinity' AND emd < 'Infinity') AS emd,
                            max(
                                ARRAY[ima, -date_part('epoch', created_at), -(id >> 32)::float8, -(id & 4294967295)::float8]
                            ) FILTER (WHERE ranks AND ima > '-Infinity' AND ima < 'Infinity') AS ima
                        FROM score GROUP BY challenge_id, username
                    ), derived AS MATERIALIZED (
                        SELECT best.challenge_id, best.username, best.scores, best.ranked_emd, best.ranked_ima,
                            best.emd[1] AS emd, emd.created_at AS emd_at, emd.id AS emd_id,
                            best.ima[1] AS ima, ima.created_at AS ima_at, ima.id AS ima_id
                        FROM best
                        LEFT JOIN scores emd ON emd.id = (-best.emd[3])::bigint << 32 | (-best.emd[4])::bigint
                        LEFT JOIN scores ima ON ima.id = (-best.ima[3])::bigint << 32 | (-best.ima[4])::bigint
                    ), removed AS (
                        DELETE FROM participants p USING derived d
                        WHERE p.challenge_id = d.challenge_id AND p.username = d.username AND d.scores = 0
                        RETURNING p.challenge_id, -(p.scores > 0)::int AS participants,
                            -(p.ranked_emd > 0)::int AS ranked_emd, -(p.ranked_ima > 0)::int AS ranked_ima,
                            -p.ranked_emd AS emd_scores, -p.ranked_ima AS ima_scores, -p.scores AS scores
                    ), changed AS (
                        UPDATE participants p
                        SET scores = d.scores, ranked_emd = d.ranked_emd, ranked_ima = d.ranked_ima,
                            best_emd = d.emd, best_emd_at = d.emd_at, best_emd_id = d.emd_id,
                            best_ima = d.ima, best_ima_at = d.ima_at, best_ima_id = d.ima_id
                        FROM derived d
                        JOIN participants old ON old.challenge_id = d.challenge_id AND old.username = d.username
                        WHERE p.challenge_id = d.challenge_id AND p.username = d.username AND d.scores > 0
                        AND (
                            p.scores, p.ranked_emd, p.ranked_ima,
                            p.best_emd, p.best_emd_at, p.best_emd_id, p.best_ima, p.best_ima_at, p.best_ima_id
                        ) IS DISTINCT FROM (
                            d.scores, d.ranked_emd, d.ranked_ima, d.emd, d.emd_at, d.emd_id, d.ima, d.ima_at, d.ima_id
                        )
                        RETURNING p.challenge_id, (old.scores = 0)::int AS participants,
                            (p.ranked_emd > 0)::int - (old.ranked_emd > 0)::int AS ranked_emd,
                            (p.ranked_ima > 0)::int - (old.ranked_ima > 0)::int AS ranked_ima,
                            p.ranked_emd - old.ranked_emd AS emd_scores, p.ranked_ima - old.ranked_ima AS ima_scores,
                            p.scores - old.scores AS scores
                    ), difference AS (
                        SELECT challenge_id, sum(participants) AS participants,
                            sum(ranked_emd) AS ranked_emd, sum(ranked_ima) AS ranked_ima,
                            sum(emd_scores) AS emd_scores, sum(ima_scores) AS ima_scores, sum(scores) AS scores
                        FROM (TABLE removed UNION ALL TABLE changed) one
                        GROUP BY challenge_id
                    ), free AS MATERIALIZED (
                        -- A row of the challenge that no other writer holds, so that none waits for another.
                        SELECT difference.*, standing.id
                        FROM difference
                        LEFT JOIN LATERAL (
                            SELECT id FROM standings WHERE challenge_id = difference.challenge_id
                            ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
                        ) standing ON true
                        WHERE (participants, ranked_emd, ranked_ima, emd_scores, ima_scores, scores) <> (0, 0, 0, 0, 0, 0)
                    ), counted AS (
                        UPDATE standings s
                        SET participants = s.participants + free.participants,
                            ranked_emd = s.ranked_emd + free.ranked_emd, ranked_ima = s.ranked_ima + free.ranked_ima,
                            ranked_emd_scores = s.ranked_emd_scores + free.emd_scores,
                            ranked_ima_scores = s.ranked_ima_scores + free.ima_scores, scores = s.scores + free.scores
                        FROM free WHERE s.id = free.id
                    )
                    INSERT INTO standings (
                        challenge_id, participants, ranked_emd, ranked_ima, ranked_emd_scores, ranked_ima_scores, scores
                    )
                    SELECT challenge_id, participants, ranked_emd, ranked_ima, emd_scores, ima_scores, scores FROM free
                    WHERE id IS NULL
                    AND EXISTS (SELECT FROM challenges c WHERE c.challenge_id = free.challenge_id); -- else it is being deleted
                END
                $refresh$;

                -- To plan again for each score would take longer than to derive its participant.
                CREATE FUNCTION scores_changed() RETURNS trigger
                LANGUAGE plpgsql SET search_path FROM CURRENT SET plan_cache_mode = force_generic_plan AS $changed$
                DECLARE
                    of_challenges text[];
                    of_usernames text[];
                BEGIN
                    IF TG_OP = 'TRUNCATE' THEN
                        DELETE FROM participants;
                        DELETE FROM standings;
                        RETURN NULL;
                    ELSIF TG_TABLE_NAME = 'disqualifications' THEN
                        SELECT array_agg(challenge_id), array_agg(username) INTO of_challenges, of_usernames
                        FROM (
                            SELECT DISTINCT s.challenge_id, s.username FROM changed JOIN scores s ON s.id = changed.score_id
                        ) pair;
                    ELSIF TG_OP = 'UPDATE' THEN
                        SELECT array_agg(challenge_id), array_agg(username) INTO of_challenges, of_usernames
                        FROM (
                            SELECT challenge_id, username FROM before
                            UNION
                            SELECT challenge_id, username FROM after
                        ) pair;
                    ELSE
                        SELECT array_agg(challenge_id), array_agg(username) INTO of_challenges, of_usernames
                        FROM (SELECT DISTINCT challenge_id, username FROM changed) pair;
                    END IF;

                    IF of_challenges IS NULL THEN
                        RETURN NULL;
                    ELSIF current_setting('exact.standings', true) = 'later' THEN
                        -- An import does it once, at its end.
                        INSERT INTO pg_temp.changed_participants
                        SELECT * FROM unnest(of_challenges, of_usernames) ON CONFLICT DO NOTHING;
                    ELSE
                        PERFORM refresh_participants(of_challenges, of_usernames);
                    END IF;
                    RETURN NULL;
                END
                $changed$;

                CREATE TRIGGER disqualifications_inserted AFTER INSERT ON disqualifications
                    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION scores_changed();
                CREATE TRIGGER disqualifications_deleted AFTER DELETE ON disqualifications
                    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION scores_changed();

                CREATE TRIGGER scores_inserted AFTER INSERT ON scores
                    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION scores_changed();
                CREATE TRIGGER scores_updated AFTER UPDATE ON scores
                    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION scores_changed();
                CREATE TRIGGER scores_deleted AFTER DELETE ON scores
                    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION scores_changed();
                CREATE TRIGGER scores_truncated AFTER TRUNCATE ON scores
                    FOR EACH STATEMENT EXECUTE FUNCTION scores_changed();

                DO $fill$
                BEGIN
                    PERFORM refresh_participants(array_agg(challenge_id), array_agg(username))
                    FROM (SELECT DISTINCT challenge_id, username FROM scores) pair;
                END
                $fill$;
                """
            );
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql(
                """
                DROP TRIGGER scores_inserted ON scores;
                DROP TRIGGER scores_updated ON scores;
                DROP TRIGGER scores_deleted ON scores;
                DROP TRIGGER scores_truncated ON scores;
                DROP TRIGGER disqualifications_inserted ON disqualifications;
                DROP TRIGGER disqualifications_deleted ON disqualifications;
                DROP FUNCTION scores_changed();
                DROP FUNCTION refresh_participants(text[], text[]);
                DELETE FROM participants;
                DELETE FROM standings;
                """
            );
        }
    }
}
