using Exact.Infrastructure.Database.Embedded;
using Exact.Infrastructure.Transfer.Django;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Tests.Support;

namespace Exact.Tests.Transfer;

/// <summary>A live Django database that cannot be read to its end leaves nothing here, and says why.</summary>
public sealed class LiveDjangoFailureTests(FixtureDatabase database, LiveDjango live)
    : IClassFixture<FixtureDatabase>,
        IClassFixture<LiveDjango>,
        IAsyncLifetime
{
    private const string Secret = "swordfish";

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
    public async Task A_wrong_password_is_no_secret_for_the_log()
    {
        await using var role = await TestRole.CreateAsync();
        var wrong = LiveDjango.As(role.ConnectionString(django.Name), settings => settings.Password = Secret);

        var message = await RefusedAsync(wrong);

        Assert.Contains("28P01", message);
        Assert.Contains($"The Django database {django.Name} on ", message);
        Assert.Contains("Check Username and Password", message);
        Assert.EndsWith("Nothing was changed.", message);
        Assert.DoesNotContain(Secret, message);
    }

    [Fact]
    public async Task A_database_that_does_not_exist_is_named() =>
        Assert.Contains(
            "3D000",
            await RefusedAsync(LiveDjango.As(django.ConnectionString, settings => settings.Database = "nowhere"))
        );

    [Fact]
    public async Task A_server_that_is_not_there_is_named()
    {
        var port = FreePort.Find();
        var message = await RefusedAsync(LiveDjango.As(django.ConnectionString, settings => settings.Port = port));

        Assert.Contains($":{port} cannot be read", message);
        Assert.Contains("Check that the server runs", message);
    }

    [Fact]
    public async Task The_target_itself_is_refused() =>
        Assert.Contains(
            "is the one to import into",
            await RefusedAsync(LiveDjango.As(database.ConnectionString, settings => settings.Host = "localhost"))
        );

    [Theory]
    [InlineData("DROP TABLE api_score", "has no table api_score in its search path (public).")]
    [InlineData("ALTER TABLE auth_user_groups RENAME TO gone", "has no table auth_user_groups in")]
    [InlineData("ALTER TABLE api_score DROP id", "has no column id in api_score.")]
    [InlineData(
        "ALTER TABLE api_score ALTER score TYPE money USING 1::money",
        "has api_score.score as money, which is no number."
    )]
    [InlineData(
        "ALTER TABLE api_challenge ALTER id DROP IDENTITY IF EXISTS, ALTER id DROP DEFAULT, ALTER id TYPE text",
        "has api_challenge.id as text, which is no whole number."
    )]
    public async Task A_database_without_Djangos_tables_is_reported(string change, string expected)
    {
        await django.ExecuteAsync(change);

        Assert.Contains(expected, await RefusedAsync(django.ConnectionString));
    }

    [Theory]
    [InlineData("REVOKE SELECT ON api_score FROM {0}", "permission denied for table api_score")]
    [InlineData("ALTER TABLE api_score ENABLE ROW LEVEL SECURITY", "row-level security")]
    public async Task A_role_that_may_not_read_all_rows_is_refused(string change, string expected)
    {
        await using var role = await TestRole.CreateAsync();
        await django.ExecuteAsync($"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role.Name}");
        await django.ExecuteAsync(string.Format(null, change, role.Name));

        var message = await RefusedAsync(role.ConnectionString(django.Name));
        await django.ExecuteAsync($"DROP OWNED BY {role.Name}");

        Assert.Contains(expected, message);
        Assert.Contains("42501", message);
        Assert.Contains("GRANT SELECT", message);
    }

    [Fact]
    public async Task An_import_does_not_wait_forever_for_a_locked_table()
    {
        await using var migration = await django.DataSource.OpenConnectionAsync(CancellationToken);
        await FixtureDatabase.ExecuteAsync(migration, "BEGIN; LOCK TABLE api_score IN ACCESS EXCLUSIVE MODE");

        Assert.Contains("Another session has locked a table there", await RefusedAsync(django.ConnectionString));
    }

    [Fact]
    public async Task A_session_that_is_killed_halfway_leaves_nothing()
    {
        await django.AddUsersAsync(20_000);
        var before = await database.StateAsync();
        await using var snapshot = await OpenAsync(django.ConnectionString);
        var read = 0L;

        var failure = await Assert.ThrowsAsync<DjangoException>(() =>
            database.Importer.ImportAsync(
                snapshot.Content,
                new ImportOptions(),
                new Listener(progress =>
                {
                    if (read == 0)
                    {
                        Task.Run(django.KillSessionsAsync, CancellationToken).Wait(CancellationToken);
                    }

                    read = progress.Records;
                }),
                cancellationToken: CancellationToken
            )
        );

        Assert.InRange(read, 1, 20_000);
        Assert.Contains("The server or the network went away", failure.Message);
        Assert.Equal(before, await database.StateAsync());
    }

    [Fact]
    public async Task A_failure_in_the_last_row_leaves_nothing()
    {
        await django.ExecuteAsync(
            """
            ALTER TABLE api_score RENAME TO old_score;
            CREATE VIEW api_score AS
                SELECT id, username, challenge_id, 1 / (id - (SELECT max(id) FROM old_score))::float8 AS score, created_at
                FROM old_score
            """
        );

        var before = await database.StateAsync();
        await using var snapshot = await OpenAsync(django.ConnectionString);
        var failure = await Assert.ThrowsAsync<DjangoException>(() =>
            database.Importer.ImportAsync(snapshot.Content, new ImportOptions(), cancellationToken: CancellationToken)
        );

        Assert.Contains("22012", failure.Message);
        Assert.Equal(before, await database.StateAsync());
    }

    [Fact]
    public async Task An_import_that_is_cancelled_leaves_no_session_there()
    {
        await django.AddUsersAsync(20_000);
        using var cancelling = CancellationTokenSource.CreateLinkedTokenSource(CancellationToken);
        await using (var snapshot = await OpenAsync(django.ConnectionString))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
                database.Importer.ImportAsync(
                    snapshot.Content,
                    new ImportOptions(),
                    new Listener(_ => cancelling.Cancel()),
                    cancellationToken: cancelling.Token
                )
            );
            Assert.Equal(1, await django.SessionsAsync());
        }

        await django.WhenNoSessionAsync();
    }

    [Fact]
    public async Task An_unread_snapshot_is_released_at_once_whatever_its_size()
    {
        // The server would need ten minutes for its rows.
        await django.ExecuteAsync(
            """
            ALTER TABLE api_score RENAME TO old_score;
            CREATE VIEW api_score AS
                SELECT n AS id, repeat('n', 100)::text || CASE WHEN n > 5000 THEN pg_sleep(0.01)::text ELSE '' END AS username,
                    'c'::text AS challenge_id, now() AS created_at
                FROM generate_series(1, 65000) n
            """
        );
        await using (var snapshot = await OpenAsync(django.ConnectionString))
        {
            Assert.Equal(1, await snapshot.Content.ReadAsync(new byte[1], CancellationToken));
        }

        await django.WhenNoSessionAsync().WaitAsync(TimeSpan.FromMinutes(3), CancellationToken);
    }

    [Theory]
    [InlineData("")]
    [InlineData("swordfish")]
    [InlineData("Host=db")]
    [InlineData("Database=django")]
    [InlineData("Host=db;Database=django;Port=swordfish")]
    [InlineData("Host=db;Database=django;Password=sword;fish")]
    [InlineData("Host=db;Database=django user=x password=swordfish")]
    [InlineData("Host=db password=swordfish;Database=django")]
    public void An_invalid_connection_string_is_not_an_address(string text) =>
        Assert.False(DjangoAddress.TryParse(text, out _));

    [Fact]
    public void An_address_shows_no_secret()
    {
        Assert.True(DjangoAddress.TryParse("Host=db;Database=django;Username=ada;Password=swordfish", out var address));
        Assert.Equal("django on db:5432", address.ToString());
    }

    private async Task<string> RefusedAsync(string connectionString)
    {
        var before = await database.StateAsync();
        var refusal = await Assert.ThrowsAsync<DjangoException>(async () =>
        {
            await using var snapshot = await OpenAsync(connectionString);
            await database.Importer.ImportAsync(snapshot.Content, new(), cancellationToken: CancellationToken);
        });
        Assert.Equal(before, await database.StateAsync());
        await django.WhenNoSessionAsync();
        return refusal.Message;
    }

    private Task<DjangoSnapshot> OpenAsync(string connectionString) =>
        new DjangoSource(database.DataSource, database.Tables).OpenAsync(
            LiveDjango.Copy.AddressOf(connectionString),
            CancellationToken
        );
}
