using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Migrating.Drift;
using Exact.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using static Exact.Tests.Support.ExactServices;

namespace Exact.Tests.Migrating;

/// <summary>Compares the catalog with the model: manual changes are found and named.</summary>
public sealed class SchemaDriftTests(MigratedTemplate template)
{
    private const StringSplitOptions Pieces = StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_fresh_schema_has_no_findings()
    {
        await using var database = await MigratedAsync();

        Assert.Empty(await ReadAsync(database));
    }

    [Theory]
    [MemberData(nameof(Injected))]
    public async Task A_manual_change_is_found_and_the_fix_in_the_finding_removes_it(string sql, string expected)
    {
        await using var database = await MigratedAsync();
        await database.ExecuteAsync(sql);

        var findings = await ReadAsync(database);

        Assert.Contains(findings, f => !f.Harmless && $"{f}".StartsWith(expected, StringComparison.Ordinal));
        if (findings.Any(finding => finding is { Harmless: false, Fix: null }))
        {
            return; // a person must decide how
        }

        // One by one, because CONCURRENTLY must be alone.
        foreach (var statement in findings.SelectMany(f => f.Fix?.Split(';', Pieces) ?? []))
        {
            await database.ExecuteAsync(statement);
        }

        Assert.DoesNotContain(await ReadAsync(database), finding => !finding.Harmless);
    }

    [Theory]
    [InlineData(
        "CREATE TABLE mine (id int PRIMARY KEY, challenge_id varchar(100) REFERENCES challenges (challenge_id))",
        "extra table mine"
    )]
    [InlineData("CREATE INDEX mine ON scores (method_name)", "extra index mine")]
    [InlineData("ALTER TABLE scores ADD mine text", "extra column scores.mine")]
    [InlineData("ALTER TABLE scores ADD mine text NOT NULL DEFAULT 'x'", "extra column scores.mine")]
    [InlineData(
        "ALTER TABLE scores ALTER status SET DEFAULT 'pending'",
        "extra default of column scores.status: expected none, found 'pending'::character varying(20)"
    )]
    public async Task An_operators_harmless_addition_is_a_note(string sql, string expected)
    {
        await using var database = await MigratedAsync();
        await database.ExecuteAsync(sql);

        var finding = Assert.Single(await ReadAsync(database));

        Assert.True(finding.Harmless);
        Assert.StartsWith(expected, finding.ToString());
        Assert.Equal(MigrationState.Current, (await StatusOf(database.ConnectionString)).State);
    }

    [Fact]
    public async Task Views_and_other_schemas_are_not_compared()
    {
        await using var database = await MigratedAsync();
        await database.ExecuteAsync(
            """
            CREATE VIEW best AS SELECT max(emd_score) FROM scores;
            CREATE SCHEMA other;
            CREATE TABLE other.scores (id int);
            CREATE SEQUENCE numbers;
            """
        );

        Assert.Empty(await ReadAsync(database));
    }

    [Fact]
    public async Task A_schema_of_the_search_path_is_compared_by_itself()
    {
        await using var database = await MigratedAsync();
        await database.ExecuteAsync("CREATE SCHEMA app; ALTER TABLE scores DROP COLUMN score");
        var inApp = new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            SearchPath = "app",
        }.ConnectionString;
        await using (var context = MigratedTemplate.CreateContext(inApp))
        {
            await context.Database.MigrateAsync(Cancellation);
        }

        Assert.Equal(MigrationState.Current, (await StatusOf(inApp)).State);
        Assert.Equal(MigrationState.Drifted, (await StatusOf(database.ConnectionString)).State);
    }

    [Fact]
    public async Task Drift_is_in_the_status_and_names_the_first_finding()
    {
        await using var database = await MigratedAsync();
        await database.ExecuteAsync("DROP INDEX ix_scores_challenge_id_id");

        var status = await StatusOf(database.ConnectionString);

        Assert.Equal(MigrationState.Drifted, status.State);
        Assert.Contains("missing index ix_scores_challenge_id_id", status.Detail);
        Assert.Equal("index ix_scores_challenge_id_id", Assert.Single(status.Drift!).Subject);
    }

    [Fact]
    public async Task While_migrations_are_pending_or_unknown_nothing_is_compared()
    {
        await using var database = await MigratedAsync();
        await database.ExecuteAsync(
            """
            DROP INDEX ix_scores_challenge_id_id;
            INSERT INTO "__EFMigrationsHistory" (migration_id, product_version) VALUES ('29990101000000_Newer', '99');
            """
        );
        var ahead = await StatusOf(database.ConnectionString);
        await database.ExecuteAsync("DELETE FROM \"__EFMigrationsHistory\" WHERE migration_id NOT LIKE '2999%'");
        var pending = await StatusOf(database.ConnectionString);

        Assert.Equal(MigrationState.Ahead, ahead.State);
        Assert.Null(ahead.Drift);
        Assert.Equal(MigrationState.Pending, pending.State);
        Assert.Null(pending.Drift);
    }

    [Fact]
    public async Task A_role_that_may_only_read_the_history_finds_drift_in_a_read_only_database()
    {
        await using var database = await MigratedAsync();
        await using var role = await TestRole.CreateAsync();
        await database.ExecuteAsync(
            $"""
            DROP INDEX ix_scores_challenge_id_id;
            GRANT SELECT ON "__EFMigrationsHistory", operations TO {role.Name};
            REVOKE TEMPORARY ON DATABASE {database.Name} FROM PUBLIC;
            ALTER DATABASE {database.Name} SET default_transaction_read_only = on;
            """
        );

        var status = await StatusOf(role.ConnectionString(database.Name));

        Assert.Equal("index ix_scores_challenge_id_id", Assert.Single(status.Drift!).Subject);
        await database.ExecuteAsync($"SET default_transaction_read_only = off; DROP OWNED BY {role.Name}");
    }

    [Fact]
    public async Task A_status_does_not_wait_for_a_table_that_is_locked()
    {
        await using var database = await MigratedAsync();
        await using var services = ServicesOf(database.ConnectionString);
        var reader = services.GetRequiredService<MigrationStatusReader>();
        var before = await reader.ReadAsync(MigrationStatusReader.InFull, Cancellation);
        await using var holder = await database.DataSource.OpenConnectionAsync(Cancellation);
        await using var transaction = await holder.BeginTransactionAsync(Cancellation);
        await using var command = new NpgsqlCommand("LOCK TABLE scores IN ACCESS EXCLUSIVE MODE", holder, transaction);
        await command.ExecuteNonQueryAsync(Cancellation);

        var locked = await reader.ReadAsync(MigrationStatusReader.AtOnce, Cancellation); // the lock is held to the end of the test

        Assert.Empty(before.Drift!);
        Assert.Equal(MigrationState.Current, locked.State);
        Assert.Null(locked.Drift);
        Assert.Contains("another session has locked one of Exact's tables", locked.Detail);
    }

    [Fact]
    public async Task A_replica_logs_drift_when_it_is_ready_and_the_command_tells_a_script()
    {
        await using var database = await MigratedAsync();
        await database.ExecuteAsync("ALTER TABLE scores ALTER method_name TYPE varchar(50)");
        const string Finding =
            "different column scores.method_name: type: expected character varying(100), found character varying(50)";

        await using var replica = ExactProcess.Serve(database.ConnectionString);
        await replica.WaitForLogAsync($"The database has been changed by hand: {Finding}");
        await using var command = await ExactProcess.RunAsync(database.ConnectionString, "status", "--check");

        Assert.Equal(5, await command.WaitForExitAsync());
        Assert.StartsWith("drifted: ", command.Output);
        Assert.Contains($"drift    {Finding}\n", command.Output);
        Assert.Contains(
            "ALTER TABLE \"scores\" ALTER COLUMN \"method_name\" TYPE character varying(100);",
            command.Output
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
                "DROP INDEX ix_scores_ranked_emd; CREATE INDEX ix_scores_ranked_emd ON scores (challenge_id, emd_score, created_at, id) WHERE status = 'completed' AND emd_score > '-Infinity' AND emd_score < 'Infinity'",
                "different index ix_scores_ranked_emd: columns: expected challenge_id, emd_score DESC, created_at, id, found challenge_id, emd_score, created_at, id"
            },
            {
                "DROP INDEX ix_scores_ranked_emd; CREATE INDEX ix_scores_ranked_emd ON scores (challenge_id, emd_score DESC, created_at, id)",
                "different index ix_scores_ranked_emd: filter: expected "
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
            {
                "ALTER TABLE operations ALTER actor TYPE int USING 1, ADD CONSTRAINT numbered CHECK (actor > 0)",
                "extra check constraint numbered: expected nothing, found on operations: check (actor > 0)"
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
        return await SchemaDrift.ReadAsync(connection, MigrationStatusReader.InFull, Cancellation);
    }

    private static async Task<MigrationStatus> StatusOf(string connectionString)
    {
        await using var services = ServicesOf(connectionString);
        return await services
            .GetRequiredService<MigrationStatusReader>()
            .ReadAsync(MigrationStatusReader.InFull, Cancellation);
    }
}
