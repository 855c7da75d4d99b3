using Exact.Infrastructure.Migrating.Drift;
using Exact.Tests.Support;

namespace Exact.Tests.Migrating;

/// <summary>The catalog against the model: what is changed by hand is found, and named.</summary>
public sealed class SchemaDriftTests(MigratedTemplate template)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_fresh_schema_has_no_findings()
    {
        await using var database = await MigratedAsync();

        Assert.Empty(await ReadAsync(database));
    }

    [Theory]
    [MemberData(nameof(Injected))]
    public async Task What_is_changed_by_hand_is_found_by_name(string sql, string expected)
    {
        await using var database = await MigratedAsync();
        await database.ExecuteAsync(sql);

        var findings = await ReadAsync(database);

        Assert.Contains(
            findings,
            finding => finding.ToString().StartsWith(expected, StringComparison.Ordinal) && !finding.Harmless
        );
    }

    public static TheoryData<string, string> Injected =>
        new()
        {
            { "DROP TABLE companies", "missing table companies: expected a table, found nothing" },
            {
                "ALTER TABLE companies RENAME TO firms; CREATE VIEW companies AS SELECT * FROM firms",
                "different table companies: is: expected table, found view"
            },
            {
                "ALTER TABLE companies SET UNLOGGED",
                "different table companies: is: expected table, found unlogged table"
            },
            {
                "ALTER TABLE scores DROP COLUMN emd_std",
                "missing column scores.emd_std: expected type double precision; nullability null"
            },
            {
                "ALTER TABLE scores ADD must text NOT NULL",
                "extra column scores.must: expected nothing, found type text; nullability not null"
            },
            {
                "ALTER TABLE scores ALTER method_name TYPE varchar(50)",
                "different column scores.method_name: type: expected character varying(100), found character varying(50)"
            },
            {
                "ALTER TABLE scores ALTER error_message SET NOT NULL",
                "different column scores.error_message: nullability: expected null, found not null"
            },
            {
                "ALTER TABLE challenges ALTER title DROP NOT NULL",
                "different column challenges.title: nullability: expected not null, found null"
            },
            {
                "ALTER TABLE challenges ALTER title TYPE varchar(100) COLLATE \"C\"",
                "different column challenges.title: collation: expected none, found C"
            },
            {
                "ALTER TABLE scores ALTER id DROP IDENTITY",
                "different column scores.id: identity: expected by default, found none"
            },
            {
                "ALTER TABLE scores ALTER id SET GENERATED ALWAYS",
                "different column scores.id: identity: expected by default, found always"
            },
            {
                "ALTER TABLE operations DROP CONSTRAINT pk_operations",
                "missing primary key pk_operations: expected on operations: columns id"
            },
            {
                "ALTER TABLE operations RENAME CONSTRAINT pk_operations TO pk",
                "different primary key pk_operations: name: expected pk_operations, found pk"
            },
            {
                "ALTER TABLE user_tokens DROP CONSTRAINT pk_user_tokens, ADD CONSTRAINT pk_user_tokens PRIMARY KEY (name, user_id, login_provider)",
                "different primary key pk_user_tokens: columns: expected user_id, login_provider, name, found name, user_id, login_provider"
            },
            {
                "ALTER TABLE challenges DROP CONSTRAINT ak_challenges_challenge_id CASCADE",
                "missing unique constraint ak_challenges_challenge_id: expected on challenges: columns challenge_id"
            },
            {
                "ALTER TABLE challenges DROP CONSTRAINT ak_challenges_challenge_id CASCADE",
                "missing foreign key fk_scores_challenges_challenge_id: expected on scores: columns challenge_id; references challenges (challenge_id); on delete cascade"
            },
            {
                "ALTER TABLE challenges ADD CONSTRAINT one_title UNIQUE (title)",
                "extra unique constraint one_title: expected nothing, found on challenges: columns title"
            },
            {
                "ALTER TABLE scores DROP CONSTRAINT fk_scores_challenges_challenge_id, ADD CONSTRAINT fk_scores_challenges_challenge_id FOREIGN KEY (challenge_id) REFERENCES challenges (challenge_id)",
                "different foreign key fk_scores_challenges_challenge_id: on delete: expected cascade, found no action"
            },
            {
                "ALTER TABLE scores DROP CONSTRAINT fk_scores_challenges_challenge_id, ADD CONSTRAINT fk_scores_challenges_challenge_id FOREIGN KEY (challenge_id) REFERENCES challenges (challenge_id) ON DELETE CASCADE NOT VALID",
                "invalid foreign key fk_scores_challenges_challenge_id: valid: expected yes, found no"
            },
            { "ALTER TABLE scores DROP CONSTRAINT ck_scores_status", "missing check constraint ck_scores_status" },
            {
                "ALTER TABLE scores DROP CONSTRAINT ck_scores_status, ADD CONSTRAINT ck_scores_status CHECK (status IN ('pending', 'failed'))",
                "different check constraint ck_scores_status: check: expected ((status)::text = ANY ('{pending,running,completed,failed}'::text[])), found ((status)::text = ANY ('{pending,failed}'::text[]))"
            },
            {
                "ALTER TABLE scores ADD CONSTRAINT ck_positive CHECK (score >= 0)",
                "extra check constraint ck_positive: expected nothing, found on scores: check (score >= '0'::double precision)"
            },
            {
                "DROP INDEX ix_scores_challenge_id_id",
                "missing index ix_scores_challenge_id_id: expected on scores: columns challenge_id, id; unique no; include username; method btree"
            },
            {
                "ALTER INDEX ix_scores_challenge_id_id RENAME TO mine",
                "different index ix_scores_challenge_id_id: name: expected ix_scores_challenge_id_id, found mine"
            },
            {
                "DROP INDEX ix_scores_challenge_id_id; CREATE INDEX ix_scores_challenge_id_id ON scores (challenge_id, id)",
                "different index ix_scores_challenge_id_id: include: expected username, found none"
            },
            {
                "DROP INDEX ix_scores_challenge_id_id; CREATE INDEX ix_scores_challenge_id_id ON scores (id, challenge_id) INCLUDE (username)",
                "different index ix_scores_challenge_id_id: columns: expected challenge_id, id, found id, challenge_id"
            },
            {
                "DROP INDEX ix_users_normalized_username; CREATE INDEX ix_users_normalized_username ON users (normalized_username)",
                "different index ix_users_normalized_username: unique: expected yes, found no"
            },
            {
                "DROP INDEX ix_users_normalized_email; CREATE INDEX ix_users_normalized_email ON users USING hash (normalized_email)",
                "different index ix_users_normalized_email: method: expected btree, found hash"
            },
            {
                "DROP INDEX ix_users_normalized_email; CREATE INDEX ix_users_normalized_email ON users (normalized_email varchar_pattern_ops)",
                "different index ix_users_normalized_email: columns: expected normalized_email, found normalized_email varchar_pattern_ops"
            },
            {
                "DROP INDEX ix_users_normalized_email; CREATE INDEX ix_users_normalized_email ON users (lower(normalized_email))",
                "different index ix_users_normalized_email: columns: expected normalized_email, found lower((normalized_email)::text)"
            },
            {
                "DROP INDEX ix_scores_leaderboard_emd; CREATE INDEX ix_scores_leaderboard_emd ON scores (challenge_id, username, emd_score, created_at, id) WHERE status = 'completed' AND emd_score > '-Infinity' AND emd_score < 'Infinity'",
                "different index ix_scores_leaderboard_emd: columns: expected challenge_id, username, emd_score DESC, created_at, id, found challenge_id, username, emd_score, created_at, id"
            },
            {
                "DROP INDEX ix_scores_leaderboard_emd; CREATE INDEX ix_scores_leaderboard_emd ON scores (challenge_id, username, emd_score DESC, created_at, id)",
                "different index ix_scores_leaderboard_emd: filter: expected "
            },
            {
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_scores_challenge_id_id'::regclass",
                "invalid index ix_scores_challenge_id_id: valid: expected yes, found no"
            },
            {
                "CREATE UNIQUE INDEX mine ON scores (username)",
                "extra index mine: expected nothing, found on scores: columns username; unique yes"
            },
            {
                "CREATE EXTENSION btree_gist; ALTER TABLE scores ADD CONSTRAINT apart EXCLUDE USING gist (username WITH =, created_at WITH =)",
                "extra exclusion constraint apart: expected nothing, found on scores: definition EXCLUDE USING gist"
            },
            { "ALTER TABLE scores RENAME COLUMN status TO state", "missing column scores.status: " },
        };

    private async Task<MigratedDatabase> MigratedAsync()
    {
        var database = new MigratedDatabase(template);
        await database.InitializeAsync();
        return database;
    }

    private static async Task<IReadOnlyList<DriftFinding>> ReadAsync(MigratedDatabase database)
    {
        await using var connection = await database.DataSource.OpenConnectionAsync();
        return await DriftOf(database.ConnectionString).ReadAsync(connection, Patience, default);
    }

    private static SchemaDrift DriftOf(string connectionString) => new(MigratedTemplate.Options(connectionString));
}
