using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using Npgsql;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Database;

/// <summary>
/// What an administrator of PostgreSQL limits for a role, and what stands between: each works, or says the cause and the way out.
/// </summary>
public sealed class ConnectionLimitTests : IAsyncLifetime
{
    /// <summary>A refusal takes less than five seconds; the rest is for a busy machine.</summary>
    private static readonly TimeSpan Refusal = TimeSpan.FromSeconds(20);

    private readonly MigratedDatabase database = new(MigratedTemplate.Current);
    private TestRole role = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        role = await TestRole.CreateAsync();
        await database.ExecuteAsync($"GRANT ALL ON SCHEMA public TO {role.Name}");
        foreach (var kind in (string[])["TABLES", "SEQUENCES", "FUNCTIONS"])
        {
            await database.ExecuteAsync($"GRANT ALL ON ALL {kind} IN SCHEMA public TO {role.Name}");
        }

        await database.ExecuteAsync(
            $"""
            DO $$ DECLARE name text; BEGIN
                FOR name IN SELECT oid::regclass FROM pg_class
                    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                LOOP EXECUTE format('ALTER TABLE %s OWNER TO {role.Name}', name); END LOOP;
            END $$
            """
        );
    }

    public async ValueTask DisposeAsync()
    {
        await database.ExecuteAsync($"REASSIGN OWNED BY {role.Name} TO CURRENT_USER; DROP OWNED BY {role.Name}");
        await database.DisposeAsync();
        await role.DisposeAsync();
    }

    [Fact]
    public async Task The_limits_of_a_role_stop_no_import_that_takes_longer()
    {
        string[] limits =
        [
            "CONNECTION LIMIT 6",
            "SET statement_timeout = '5s'", // on a busy machine, a small change may take seconds
            "SET idle_in_transaction_session_timeout = '5s'",
            "SET lock_timeout = '5s'",
            "SET idle_session_timeout = '30s'",
            "SET client_min_messages = error",
            .. await database.ScalarAsync<int>("SELECT current_setting('server_version_num')::int / 10000") >= 17
                ? ["SET transaction_timeout = '5s'"]
                : Array.Empty<string>(),
        ];
        foreach (var limit in limits)
        {
            await database.ExecuteAsync($"ALTER ROLE {role.Name} {limit}");
        }

        await database.ExecuteAsync(
            """
            CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(6); RETURN NULL; END $$;
            CREATE TRIGGER slow AFTER INSERT ON roles EXECUTE FUNCTION slow()
            """
        );
        await using var service = ExactProcess.Serve($"{role.ConnectionString(database.Name)};Maximum Pool Size=5");
        await service.WaitUntilReadyAsync();

        await ServesAsync(service);
    }

    [Theory]
    [InlineData("transaction")]
    [InlineData("session")]
    public async Task Everything_works_behind_a_pooler(string mode)
    {
        await using var pooler = await Pooler.StartAsync(role.ConnectionString(database.Name), mode: mode);
        var settings = new Dictionary<string, string>
        {
            ["ConnectionStrings__ExactMigrator"] = role.ConnectionString(database.Name),
        };
        // In session mode each of the service's sessions keeps one of the pooler's 20.
        await using var service = ExactProcess.Serve($"{pooler.ConnectionString};Maximum Pool Size=15", settings);
        await service.WaitUntilReadyAsync();

        await ServesAsync(service);
    }

    [Fact]
    public async Task A_pooler_without_a_direct_connection_is_refused_with_the_way_out()
    {
        await using var pooler = await Pooler.StartAsync(role.ConnectionString(database.Name), mode: "session");
        await using var service = ExactProcess.Serve(pooler.ConnectionString);

        Assert.Equal(1, await service.WaitForExitAsync(Refusal));
        Assert.Contains("Set ConnectionStrings__ExactMigrator to the address of the server", service.Log);
    }

    [Fact]
    public async Task A_role_without_a_free_connection_is_told_in_the_log_and_served_when_there_is_one()
    {
        await using var service = ExactProcess.Serve(role.ConnectionString(database.Name));
        await service.WaitUntilReadyAsync();
        await database.ExecuteAsync($"ALTER ROLE {role.Name} CONNECTION LIMIT 1");
        await database.ExecuteAsync(
            $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role.Name}'"
        );
        await using (await OpenAsync())
        {
            using var answer = await service.Client.GetAsync("/api/challenges", Cancellation);
            await service.WaitForLogAsync("too many connections for role", Refusal);

            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.NotNull(answer.Headers.RetryAfter);
            Assert.Contains("write a smaller \"Maximum Pool Size\"", service.Log);
        }

        await service.WaitUntilAsync("/api/challenges", HttpStatusCode.OK);
    }

    [Fact]
    public async Task Sessions_that_the_server_ends_when_they_are_idle_are_replaced_and_the_log_says_how_to_keep_them()
    {
        await database.ExecuteAsync($"ALTER ROLE {role.Name} SET idle_session_timeout = '1s'");
        await using var service = ExactProcess.Serve(role.ConnectionString(database.Name));
        await service.WaitUntilReadyAsync();
        await service.WaitForLogAsync($"ALTER ROLE {role.Name} SET idle_session_timeout = 0");
        var pooled = await database.ScalarAsync<int[]>(
            $"SELECT coalesce(array_agg(pid), '{{}}') FROM pg_stat_activity WHERE usename = '{role.Name}'"
        );
        await Wait.UntilAsync(
            () =>
                database.ScalarAsync<bool>(
                    $"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid IN ({string.Join(',', [0, .. pooled!])}))"
                ),
            "the sessions are gone"
        );

        using var list = await service.Client.GetAsync("/api/challenges", Cancellation);

        Assert.Equal(HttpStatusCode.OK, list.StatusCode);
    }

    [Fact]
    public async Task A_start_with_a_role_that_may_have_no_session_says_so_and_goes_on_when_it_may()
    {
        await database.ExecuteAsync($"ALTER ROLE {role.Name} CONNECTION LIMIT 0");
        await using var service = ExactProcess.Serve(role.ConnectionString(database.Name));

        await service.WaitForLogAsync("Waiting for PostgreSQL", Refusal);
        Assert.Contains("ALTER ROLE", service.Log);
        await database.ExecuteAsync($"ALTER ROLE {role.Name} CONNECTION LIMIT -1");

        await service.WaitUntilReadyAsync();
    }

    [Fact]
    public async Task A_server_that_is_full_is_told_in_the_log_and_serves_when_sessions_are_free_again()
    {
        const string Cause = "too many clients already";
        await using var server = await OwnServer.StartNewAsync(maxConnections: 20);
        await using var service = ExactProcess.Serve(server.ConnectionStringOf("exact"));
        await service.WaitUntilReadyAsync();
        var taken = await TakeAsync(server, 20);
        await using var later = ExactProcess.Serve(server.ConnectionStringOf("exact"));

        using var answer = await service.Client.GetAsync("/api/challenges", Cancellation);
        await service.WaitForLogAsync(Cause, Refusal);
        await later.WaitForLogAsync(Cause, Refusal);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Contains("Allow more (max_connections of the server", service.Log);
        Assert.Contains("Waiting for PostgreSQL", later.Log);
        await Task.WhenAll(taken.Select(session => session.DisposeAsync().AsTask()));
        await service.WaitUntilAsync("/api/challenges", HttpStatusCode.OK, Refusal);
        await service.WaitUntilReadyAsync(Refusal);
        await later.WaitUntilReadyAsync(Refusal);
    }

    /// <summary>Takes this many sessions, which are all that the server has, and those of the service with them.</summary>
    private static async Task<List<NpgsqlConnection>> TakeAsync(OwnServer server, int count)
    {
        var settings = new NpgsqlConnectionStringBuilder(server.ConnectionString)
        {
            ApplicationName = "stranger",
            Pooling = false,
        };
        var taken = new List<NpgsqlConnection>();
        await Wait.UntilAsync(
            async () =>
            {
                var session = new NpgsqlConnection(settings.ConnectionString);
                try
                {
                    await session.OpenAsync(Cancellation);
                    taken.Add(session);
                }
                catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.TooManyConnections)
                {
                    await using var end = taken[0].CreateCommand();
                    end.CommandText =
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'exact %'";
                    await end.ExecuteNonQueryAsync(Cancellation);
                }

                return taken.Count == count;
            },
            "all sessions of the server are taken"
        );
        return taken;
    }

    /// <summary>Reads, writes, imports, exports, and signs in.</summary>
    private static async Task ServesAsync(ExactProcess service)
    {
        var client = service.Client;
        var file = Encoding.UTF8.GetBytes(Fixture(Group(), Challenge(), Score(fields: "\"emd_score\": 1")));
        using var import = await client.PostAsync("/api/admin/import", new ByteArrayContent(file), Cancellation);
        Assert.True(import.IsSuccessStatusCode, await import.Content.ReadAsStringAsync(Cancellation));
        var rows = await Task.WhenAll(
            Enumerable
                .Range(0, 20)
                .Select(_ =>
                    client.GetFromJsonAsync<JsonElement>("/api/challenges/c1/leaderboard?metric=emd", Cancellation)
                )
        );
        using var content = new StringContent("""{"title": "changed"}""", null, "application/json");
        using var change = await client.PatchAsync("/api/challenges/c1", content, Cancellation);
        using var account = await client.PostAsJsonAsync(
            "/api/account/register",
            new
            {
                username = "ada",
                password = "correct horse 7",
                email = "ada@example.org",
            },
            Cancellation
        );
        var export = await client.GetStringAsync("/api/admin/export", Cancellation);
        using var status = await client.GetAsync("/api/admin/migrations", Cancellation);

        Assert.All(rows, board => Assert.Equal(1, board.GetArrayLength()));
        Assert.Equal(HttpStatusCode.OK, change.StatusCode);
        Assert.Equal(HttpStatusCode.Created, account.StatusCode);
        Assert.Contains("\"changed\"", export);
        Assert.Equal(HttpStatusCode.OK, status.StatusCode);
    }

    private async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection($"{role.ConnectionString(database.Name)};Pooling=false");
        await Wait.UntilAsync(
            async () =>
            {
                try
                {
                    await connection.OpenAsync(Cancellation);
                    return true;
                }
                catch (PostgresException)
                {
                    return false;
                }
            },
            "the role has no session but this one"
        );
        return connection;
    }
}
