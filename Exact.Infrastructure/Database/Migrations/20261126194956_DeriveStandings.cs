using Exact.Infrastructure.Migrating.Linting;
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
    public partial class DeriveStandings : Migration
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
                    INSERT INTO participants (challenge_id, username, scores)
                    SELECT pair.challenge_id, pair.username, 0
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
                    UPDATE participants p
                    SET scores = now.scores,
                        best_emd = now.emd[1], best_emd_at = emd.created_at, best_emd_id = emd.id,
                        best_ima = now.ima[1], best_ima_at = ima.created_at, best_ima_id = ima.id
                    FROM (
                        SELECT pair.challenge_id, pair.username, count(s.id) AS scores,
                            max(
                                CASE WHEN coalesce(s.emd_score, s.score) > '-Infinity'
                                    AND coalesce(s.emd_score, s.score) < 'Infinity'
                                THEN ARRAY[
                                    coalesce(s.emd_score, s.score), -date_part('epoch', s.created_at), -s.id::float8
                                ] END
                            ) FILTER (WHERE s.status = 'completed' AND d.id IS NULL) AS emd,
                            max(
                                CASE WHEN s.ima_score > '-Infinity' AND s.ima_score < 'Infinity'
                                THEN ARRAY[s.ima_score, -date_part('epoch', s.created_at), -s.id::float8] END
                            ) FILTER (WHERE s.status = 'completed' AND d.id IS NULL) AS ima
                        FROM unnest(of_challenges, of_usernames) AS pair (challenge_id, username)
                        LEFT JOIN scores s ON s.challenge_id = pair.challenge_id AND s.username = pair.username
                        LEFT JOIN disqualifications d ON d.score_id = s.id
                        GROUP BY pair.challenge_id, pair.username
                    ) now
                    LEFT JOIN scores emd ON emd.id = -now.emd[3]::bigint
                    LEFT JOIN scores ima ON ima.id = -now.ima[3]::bigint
                    WHERE p.challenge_id = now.challenge_id AND p.username = now.username
                    AND (p.scores, p.best_emd, p.best_emd_at, p.best_emd_id, p.best_ima, p.best_ima_at, p.best_ima_id)
                        IS DISTINCT FROM
                        (now.scores::int, now.emd[1], emd.created_at, emd.id, now.ima[1], ima.created_at, ima.id);

                    DELETE FROM participants p
                    USING unnest(of_challenges, of_usernames) AS pair (challenge_id, username)
                    WHERE p.challenge_id = pair.challenge_id AND p.username = pair.username AND p.scores = 0;
                END
                $refresh$;

                CREATE FUNCTION scores_changed() RETURNS trigger
                LANGUAGE plpgsql SET search_path FROM CURRENT AS $changed$
                DECLARE
                    of_challenges text[];
                    of_usernames text[];
                BEGIN
                    IF TG_OP = 'TRUNCATE' THEN
                        DELETE FROM participants;
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

                CREATE FUNCTION participants_changed() RETURNS trigger
                LANGUAGE plpgsql SET search_path FROM CURRENT AS $changed$
                BEGIN
                    IF TG_OP = 'INSERT' THEN
                        INSERT INTO standings AS s (challenge_id, participants, ranked_emd, ranked_ima, scores)
                        SELECT challenge_id, count(*), count(best_emd), count(best_ima), sum(scores)
                        FROM after GROUP BY challenge_id ORDER BY challenge_id
                        ON CONFLICT (challenge_id) DO UPDATE
                        SET participants = s.participants + excluded.participants,
                            ranked_emd = s.ranked_emd + excluded.ranked_emd,
                            ranked_ima = s.ranked_ima + excluded.ranked_ima,
                            scores = s.scores + excluded.scores;
                    ELSIF TG_OP = 'DELETE' THEN
                        PERFORM FROM standings WHERE challenge_id IN (SELECT challenge_id FROM before)
                        ORDER BY challenge_id FOR UPDATE;
                        UPDATE standings s
                        SET participants = s.participants - gone.participants, ranked_emd = s.ranked_emd - gone.ranked_emd,
                            ranked_ima = s.ranked_ima - gone.ranked_ima, scores = s.scores - gone.scores
                        FROM (
                            SELECT challenge_id, count(*) AS participants, count(best_emd) AS ranked_emd,
                                count(best_ima) AS ranked_ima, sum(scores) AS scores
                            FROM before GROUP BY challenge_id
                        ) gone
                        WHERE s.challenge_id = gone.challenge_id;

                        DELETE FROM standings s USING before
                        WHERE s.challenge_id = before.challenge_id AND s.participants = 0;
                    ELSE
                        PERFORM FROM standings WHERE challenge_id IN (SELECT challenge_id FROM before)
                        ORDER BY challenge_id FOR UPDATE;
                        UPDATE standings s
                        SET ranked_emd = s.ranked_emd + delta.ranked_emd, ranked_ima = s.ranked_ima + delta.ranked_ima,
                            scores = s.scores + delta.scores
                        FROM (
                            SELECT challenge_id, sum(emd) AS ranked_emd, sum(ima) AS ranked_ima, sum(scores) AS scores
                            FROM (
                                SELECT challenge_id, (best_emd IS NOT NULL)::int AS emd, (best_ima IS NOT NULL)::int AS ima,
                                    scores
                                FROM after
                                UNION ALL
                                SELECT challenge_id, -(best_emd IS NOT NULL)::int, -(best_ima IS NOT NULL)::int, -scores
                                FROM before
                            ) one
                            GROUP BY challenge_id
                        ) delta
                        WHERE s.challenge_id = delta.challenge_id
                        AND (delta.ranked_emd, delta.ranked_ima, delta.scores) <> (0, 0, 0);
                    END IF;
                    RETURN NULL;
                END
                $changed$;

                CREATE TRIGGER participants_inserted AFTER INSERT ON participants
                    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION participants_changed();
                CREATE TRIGGER participants_updated AFTER UPDATE ON participants
                    REFERENCING OLD TABLE AS before NEW TABLE AS after
                    FOR EACH STATEMENT EXECUTE FUNCTION participants_changed();
                CREATE TRIGGER participants_deleted AFTER DELETE ON participants
                    REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION participants_changed();

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

                SELECT refresh_participants(array_agg(challenge_id), array_agg(username))
                FROM (SELECT DISTINCT challenge_id, username FROM scores) pair;
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
                DROP TRIGGER participants_inserted ON participants;
                DROP TRIGGER participants_updated ON participants;
                DROP TRIGGER participants_deleted ON participants;
                DROP FUNCTION scores_changed();
                DROP FUNCTION participants_changed();
                DROP FUNCTION refresh_participants(text[], text[]);
                DELETE FROM participants;
                DELETE FROM standings;
                """
            );
        }
    }
}
