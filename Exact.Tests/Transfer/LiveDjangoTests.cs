using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Transfer.Django;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Tests.Support;

namespace Exact.Tests.Transfer;

/// <summary>A live Django database is imported as its dump is, only to the microsecond, and is left as it was.</summary>
public sealed class LiveDjangoTests(FixtureDatabase database, LiveDjango live)
    : IClassFixture<FixtureDatabase>,
        IClassFixture<LiveDjango>,
        IAsyncLifetime
{
    private const string Digest =
        "SELECT md5(string_agg(id || ' ' || (created_at AT TIME ZONE 'UTC'), ',' ORDER BY id))";

    private LiveDjango.Copy django = null!;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await database.EmptyAsync();
        django = await live.CopyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (django is not null)
        {
            await django.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_live_database_is_imported_like_its_dump()
    {
        await django.ExecuteAsync(
            """
            INSERT INTO auth_group (id, name) VALUES (1, 'editors'), (2, 'empty');
            INSERT INTO auth_user_groups (user_id, group_id) SELECT id, 1 FROM auth_user;
            INSERT INTO auth_user_groups (user_id, group_id) SELECT min(id), 2 FROM auth_user;
            INSERT INTO auth_group_permissions (group_id, permission_id) SELECT 1, id FROM auth_permission;
            INSERT INTO auth_user_user_permissions (user_id, permission_id) SELECT 1, id FROM auth_permission LIMIT 3;
            """
        );
        await AssertIsItsDumpAsync();
    }

    [Fact]
    public async Task Every_odd_value_is_imported_as_from_a_dump()
    {
        await django.Django.FlushAsync();
        await django.Django.LoadAsync(Encoding.UTF8.GetBytes(DjangoTests.OddValues));
        await AssertIsItsDumpAsync();
    }

    [Fact]
    public async Task An_empty_database_is_imported_like_its_dump()
    {
        await django.Django.FlushAsync();
        await AssertIsItsDumpAsync();
    }

    [Fact]
    public async Task Microseconds_that_a_dump_cuts_off_are_kept()
    {
        await django.ExecuteAsync(
            "UPDATE api_score SET created_at = created_at + interval '1 microsecond' * (id % 997)"
        );

        await ImportedAsync();

        Assert.Equal(
            await django.ScalarAsync<string>($"{Digest} FROM api_score"),
            await database.ScalarAsync<string>($"{Digest} FROM scores")
        );
        Assert.NotEqual(
            0,
            await database.ScalarAsync<long>(
                "SELECT count(*) FROM scores WHERE created_at <> date_trunc('milliseconds', created_at)"
            )
        );
    }

    [Theory]
    [InlineData("ALTER TABLE api_score ALTER created_at TYPE timestamp USING created_at AT TIME ZONE 'UTC'")]
    [InlineData(
        "ALTER TABLE api_score ALTER score TYPE numeric USING score::text::numeric, ALTER id TYPE integer; ALTER TABLE auth_user ALTER id TYPE bigint"
    )]
    [InlineData("CREATE DOMAIN name_of_user AS varchar(150); ALTER TABLE api_score ALTER username TYPE name_of_user")]
    [InlineData("ALTER TABLE api_score RENAME TO old_score; CREATE VIEW api_score AS SELECT * FROM old_score")]
    [InlineData("DROP TABLE auth_user_user_permissions, auth_group_permissions")]
    [InlineData(
        "ALTER DATABASE current SET default_transaction_read_only = on; ALTER DATABASE current SET statement_timeout = '1s'"
    )]
    [InlineData(
        "ALTER DATABASE current SET extra_float_digits = -15; ALTER DATABASE current SET client_encoding = 'LATIN1'"
    )]
    public async Task The_shape_of_an_older_database_makes_no_difference(string change)
    {
        await ImportedAsync();
        var expected = await database.ExportAsync();
        await database.EmptyAsync();
        await django.ExecuteAsync(
            change.Replace("DATABASE current", $"DATABASE {django.Name}", StringComparison.Ordinal)
        );

        await ImportedAsync();

        Assert.Equal(expected, await database.ExportAsync());
    }

    [Fact]
    public async Task Tables_in_another_schema_are_found_by_the_search_path()
    {
        await django.ExecuteAsync(
            """
            CREATE SCHEMA "Old One";
            DO $$ DECLARE t text; BEGIN
                FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
                    EXECUTE format('ALTER TABLE %I SET SCHEMA "Old One"', t);
                END LOOP;
            END $$
            """
        );

        var refusal = await Assert.ThrowsAsync<DjangoException>(() => ImportAsync(django.Address));
        var report = await ImportedAsync(
            address: LiveDjango.Copy.AddressOf(
                LiveDjango.As(django.ConnectionString, settings => settings.SearchPath = "\"Old One\"")
            )
        );

        Assert.Contains("no table auth_group, auth_user, user_api_company, api_challenge, api_score", refusal.Message);
        Assert.Contains("search path (public)", refusal.Message);
        Assert.Equal(1261, report.Models["api.score"].Created);
    }

    [Fact]
    public async Task Columns_that_an_older_schema_lacks_get_their_defaults()
    {
        await django.ExecuteAsync(
            """
            ALTER TABLE api_score DROP emd_score, DROP emd_std, DROP ima_score, DROP ima_std, DROP method_name,
                DROP status, DROP error_message;
            DELETE FROM user_api_company;
            ALTER TABLE api_challenge DROP created_by, DROP closes_on, DROP dataset, DROP mlmodel, DROP xaimethod
            """
        );
        await ImportedAsync();
        var live = await database.ExportAsync();
        var old = await django.ScalarAsync<string>(
            """
            SELECT jsonb_agg(record ORDER BY place, id)::text FROM (
                SELECT 1 AS place, id, jsonb_build_object('model', 'auth.user', 'pk', id, 'fields', to_jsonb(t) - 'id') AS record
                FROM auth_user t
                UNION ALL
                SELECT 2, id, jsonb_build_object('model', 'api.challenge', 'pk', id, 'fields', to_jsonb(t) - 'id')
                FROM api_challenge t
                UNION ALL
                SELECT 3, id, jsonb_build_object('model', 'api.score', 'pk', id, 'fields', to_jsonb(t) - 'id')
                FROM api_score t
            ) records
            """
        );

        await database.EmptyAsync();
        await database.ImportedAsync(old!);

        Assert.Equal(Encoding.UTF8.GetString(await database.ExportAsync()), Encoding.UTF8.GetString(live));
    }

    [Fact]
    public async Task A_column_that_Exact_does_not_know_is_refused_and_can_be_left_out()
    {
        await django.ExecuteAsync("""ALTER TABLE api_challenge ADD "prize ""money" integer""");

        var rejected = Assert.IsType<ImportOutcome.Rejected>(await ImportAsync(django.Address));
        var report = await ImportedAsync(new() { Unknown = WhenFound.Skip });

        Assert.Equal(("unknown-field", 12), (rejected.Errors[0].Code, rejected.Errors[0].Records));
        Assert.Equal(12, report.IgnoredFields["api.challenge.prize \"money"]);
    }

    [Fact]
    public async Task Rows_written_during_the_import_are_not_imported()
    {
        await django.AddUsersAsync(10_000);
        await using var snapshot = await OpenAsync(django.Address);

        // The users alone are more than what is read ahead, so the tables after them have not been looked at yet.
        await django.ExecuteAsync(
            """
            INSERT INTO api_challenge (challenge_id, title, description, created_at, created_by)
            VALUES ('late', 't', 'd', now(), 'ada');
            INSERT INTO api_score (username, challenge_id, created_at, status) VALUES ('ada', 'late', now(), 'completed');
            DELETE FROM api_score WHERE challenge_id <> 'late';
            DELETE FROM auth_user WHERE id > 100000
            """
        );
        var report = FixtureDatabase.Report(await ImportAsync(snapshot));

        Assert.Equal(1261, report.Models["api.score"].Created);
        Assert.Equal(12, report.Models["api.challenge"].Created);
    }

    [Fact]
    public async Task Nobody_truncates_or_changes_a_table_before_it_has_been_read_and_others_may_write()
    {
        await django.AddUsersAsync(10_000);
        await using var snapshot = await OpenAsync(django.Address);

        var truncate = await Assert.ThrowsAsync<Npgsql.PostgresException>(() =>
            django.ExecuteAsync("SET lock_timeout = '50ms'; TRUNCATE api_score")
        );
        await django.ExecuteAsync("UPDATE api_score SET score = 0");

        Assert.Equal(Npgsql.PostgresErrorCodes.LockNotAvailable, truncate.SqlState);
        Assert.Equal(1261, FixtureDatabase.Report(await ImportAsync(snapshot)).Models["api.score"].Created);
        Assert.NotEqual(0, await database.ScalarAsync<double>("SELECT max(score) FROM scores"));
    }

    [Fact]
    public async Task A_role_that_may_only_read_is_enough()
    {
        await using var role = await TestRole.CreateAsync();
        await django.ExecuteAsync($"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role.Name}");
        await django.AddUsersAsync(10_000);
        var before = await django.StateAsync();

        await using (var snapshot = await OpenAsync(LiveDjango.Copy.AddressOf(role.ConnectionString(django.Name))))
        {
            var locks = await django.ScalarAsync<string>(
                $"""
                SELECT string_agg(DISTINCT l.mode, ' ') || ' ' || count(a.backend_xid)
                FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'relation'
                WHERE a.usename = '{role.Name}'
                """
            );
            Assert.Equal("AccessShareLock 0", locks);
            FixtureDatabase.Report(await ImportAsync(snapshot));
        }

        Assert.Equal(before, await django.StateAsync());
        await django.ExecuteAsync($"DROP OWNED BY {role.Name}");
    }

    [Fact]
    public async Task A_dry_run_says_what_would_happen_and_changes_nothing()
    {
        var before = await database.StateAsync();

        var report = await ImportedAsync(new() { DryRun = true });

        Assert.True(report.DryRun);
        Assert.Equal(1261, report.Models["api.score"].Created);
        Assert.Equal(before, await database.StateAsync());
    }

    [Fact]
    public async Task Text_that_is_not_Unicode_is_named_by_its_key()
    {
        await using var old = new LiveDjango.Copy("template0", "ENCODING 'SQL_ASCII' LOCALE 'C'");
        await old.InitializeAsync();
        await old.Django.MigrateAsync();
        await old.ExecuteAsync(
            """
            INSERT INTO api_challenge (id, challenge_id, title, description, created_at, created_by)
            VALUES (7, 'c', E'caf\xe9', 'd', now(), 'ada')
            """
        );

        var rejected = Assert.IsType<ImportOutcome.Rejected>(
            await ImportAsync(old.Address, new() { Source = "django" })
        );

        var error = Assert.Single(rejected.Errors);
        Assert.Equal(("bad-text", "api.challenge", 7, "title"), (error.Code, error.Model, error.Pk, error.Field));
    }

    [Theory]
    [InlineData("infinity")]
    [InlineData("-infinity")]
    [InlineData("0044-03-15 BC")]
    [InlineData("10000-01-01")]
    public async Task A_time_that_Django_cannot_have_is_refused_not_changed(string time)
    {
        await django.ExecuteAsync(
            $"UPDATE api_challenge SET closes_on = '{time}' WHERE id = (SELECT min(id) FROM api_challenge)"
        );

        var rejected = Assert.IsType<ImportOutcome.Rejected>(await ImportAsync(django.Address));

        Assert.Equal(("bad-timestamp", "closes_on"), (rejected.Errors[0].Code, rejected.Errors[0].Field));
        Assert.Null(rejected.Errors[0].Place); // there is no file with lines
    }

    private async Task AssertIsItsDumpAsync()
    {
        var ofFile = await database.ImportedAsync(await django.Django.DumpAsync());
        var file = await database.ExportAsync();
        await database.EmptyAsync();

        var ofLive = await ImportedAsync();

        Assert.Equal(Encoding.UTF8.GetString(file), Encoding.UTF8.GetString(await database.ExportAsync()));
        Assert.Equal(Comparable(ofFile), Comparable(ofLive));

        // A live database says its zone, which a dump leaves out.
        Assert.Equal(0, ofLive.NaiveTimes);

        static string Comparable(ImportReport report) =>
            JsonSerializer.Serialize(report with { Bytes = 0, NaiveTimes = 0, Source = null });
    }

    private async Task<ImportReport> ImportedAsync(ImportOptions? options = null, DjangoAddress? address = null) =>
        FixtureDatabase.Report(await ImportAsync(address ?? django.Address, options));

    private async Task<ImportOutcome> ImportAsync(DjangoAddress address, ImportOptions? options = null)
    {
        await using var snapshot = await OpenAsync(address);
        return await ImportAsync(snapshot, options);
    }

    private Task<ImportOutcome> ImportAsync(DjangoSnapshot snapshot, ImportOptions? options = null) =>
        database.Importer.ImportAsync(
            snapshot.Content,
            (options ?? new()) with
            {
                Source = "Django",
            },
            cancellationToken: CancellationToken
        );

    private Task<DjangoSnapshot> OpenAsync(DjangoAddress address) =>
        new DjangoSource(database.DataSource, database.Tables).OpenAsync(address, CancellationToken);
}
