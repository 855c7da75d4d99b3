using System.Net;
using System.Net.Sockets;
using Exact.Infrastructure;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Npgsql;
using static Exact.Tests.Support.ExactServices;

namespace Exact.Tests.Migrating;

/// <summary>How each wait ends when what it waits for does not come.</summary>
public sealed class WaitTests
{
    private const string Nowhere = "Host=127.0.0.1;Port=1";

    private static readonly Dictionary<string, string?> Waits = new()
    {
        ["Migrations:ServerWait"] = "00:00:30",
        ["Migrations:RetryFor"] = "10:00:00",
    };

    private readonly FakeTimeProvider time = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_does_not_answer_is_waited_for_once_and_not_again_for_RetryFor(bool migrates)
    {
        await using var services = ServicesOf(Nowhere, Waits, time);

        var refused = await RefusedAsync(Start(services, migrates));

        Assert.Equal(
            "PostgreSQL at 127.0.0.1:1 could not be used for 00:00:30: Failed to connect to 127.0.0.1:1: Connection "
                + "refused. Start it, correct ConnectionStrings__Exact, or raise Migrations:ServerWait.",
            refused.Message
        );
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_accepts_a_connection_and_says_nothing_does_not_prolong_the_wait(bool migrates)
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var port = ((IPEndPoint)silent.LocalEndpoint).Port;
        await using var services = ServicesOf($"Host=127.0.0.1;Port={port};Timeout=0", Waits, time);

        var refused = await RefusedAsync(Start(services, migrates));

        Assert.Contains("could not be used for 00:00:30", refused.Message);
    }

    [Theory]
    [InlineData("primary")]
    [InlineData("any")]
    public async Task Several_hosts_of_which_none_answers_are_waited_for(string kind)
    {
        var hosts = $"Host=127.0.0.1:1,127.0.0.1:2;Target Session Attributes={kind}";
        await using var services = ServicesOf(hosts, Waits, time);

        var refused = await RefusedAsync(Start(services, migrates: true));

        Assert.StartsWith("PostgreSQL at 127.0.0.1:1,127.0.0.1:2 could not be used for 00:00:30: ", refused.Message);
    }

    [Fact]
    public async Task A_database_that_nobody_creates_ends_the_wait_of_a_service_that_only_checks()
    {
        await using var database = new MissingDatabase();
        await database.InitializeAsync();
        // Long enough for the server to answer while the clock runs fast.
        var waits = new Dictionary<string, string?>(Waits) { ["Migrations:ServerWait"] = "00:03:00" };
        await using var services = ServicesOf(database.ConnectionString, waits, time);

        var refused = await RefusedAsync(Start(services, migrates: false));

        Assert.Contains($"database \"{database.Name}\" does not exist", refused.Message);
    }

    [Fact]
    public async Task A_migration_lock_that_is_never_free_ends_the_wait_with_the_name_of_its_holder()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await using var holder = await database.DataSource.OpenConnectionAsync(Cancellation);
        await using var held = await MigrationLock.AcquireAsync(
            holder,
            TimeSpan.Zero,
            time,
            cancellationToken: Cancellation
        );
        await using var services = ServicesOf(database.ConnectionString, Waits, time);

        var refused = await RefusedAsync(Start(services, migrates: true));

        Assert.Contains("The migration lock was not free for 00:30:00", refused.Message);
        Assert.Contains($"(pid {holder.ProcessID}", refused.Message);
    }

    [Fact]
    public async Task A_migration_that_stays_blocked_ends_after_RetryFor_and_the_journal_says_why()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await database.MigrateToFirstAsync();
        await using var reader = await database.DataSource.OpenConnectionAsync(Cancellation);
        await using var transaction = await reader.BeginTransactionAsync(Cancellation);
        await using (var read = new NpgsqlCommand("SELECT count(*) FROM operations", reader))
        {
            await read.ExecuteScalarAsync(Cancellation);
        }

        var settings = new Dictionary<string, string?>
        {
            ["Migrations:RetryFor"] = "00:01:00",
            ["Migrations:LockTimeout"] = "00:00:00.010",
        };
        await using var services = ServicesOf(database.ConnectionString, settings, time);

        var blocked = await Assert.ThrowsAnyAsync<Exception>(() => AdvanceAsync(Start(services, migrates: true)));

        var cause = Assert.IsType<PostgresException>(blocked.GetBaseException());
        Assert.Equal(PostgresErrorCodes.LockNotAvailable, cause.SqlState);
        Assert.Matches(
            @"LetOperationsBeCancelled: .*\(55P03\)",
            await database.ScalarAsync<string>("SELECT error FROM operations WHERE state = 'failed'")
        );
    }

    [Fact]
    public async Task A_pooler_that_rejects_a_parameter_ends_the_wait_with_the_parameter()
    {
        await using var database = new TestDatabase();
        await database.InitializeAsync();
        await using var pooler = await Pooler.StartAsync(await PostgresServer.ConnectionStringAsync(), "options");
        var pooled = new NpgsqlConnectionStringBuilder(pooler.ConnectionString)
        {
            Database = database.Name,
            SearchPath = "public",
        };
        await using var services = ServicesOf(pooled.ConnectionString, Waits, time);

        var refused = await RefusedAsync(Start(services, migrates: false));

        Assert.Contains("unsupported startup parameter: search_path (08P01)", refused.Message);
        Assert.Contains("ignore_startup_parameters", refused.Message);
    }

    [Theory]
    [InlineData("server login has been failing, try again later (server_login_retry)", true)]
    [InlineData("query_wait_timeout", true)]
    [InlineData("no more connections allowed (max_client_conn)", true)]
    [InlineData("the database system is shutting down", true)]
    [InlineData("unsupported startup parameter: options", false)]
    [InlineData("no such database: exact", false)]
    public void Only_a_pooler_that_is_busy_is_waited_for(string message, bool mayPass) =>
        Assert.Equal(
            mayPass,
            ServerRefusal.MayPass(
                new PostgresException(message, "FATAL", "FATAL", PostgresErrorCodes.ProtocolViolation)
            )
        );

    [Theory]
    [InlineData("Exception while performing GSS encryption")]
    [InlineData("GSS encryption requested. No GSS encryption enabled connection from this host is configured.")]
    public void A_lack_of_GSS_says_what_to_install_or_to_remove(string message) =>
        Assert.Contains(
            "(kinit), or remove \"GSS Encryption Mode\"",
            new NpgsqlException(message, new NpgsqlException("Unable to negotiate GSS encryption: Unsupported")).Cause()
        );

    [Fact]
    public void A_rejected_role_is_named_although_the_connection_string_does_not_name_it()
    {
        var rejection = new PostgresException("no", "FATAL", "FATAL", PostgresErrorCodes.InvalidPassword);
        var role = Environment.GetEnvironmentVariable("PGUSER") ?? Environment.UserName;

        var nameless = ServerRefusal.Describe(rejection, "ConnectionStrings__Exact", new("Host=db"));
        var named = ServerRefusal.Describe(rejection, "ConnectionStrings__Exact", new("Host=db;Username=exact"));

        Assert.StartsWith(
            $"PostgreSQL at db:5432 rejects role \"{role}\" (the connection string has no Username, so this is ",
            nameless
        );
        Assert.Contains($") in database \"{role}\"", nameless);
        Assert.StartsWith("PostgreSQL at db:5432 rejects role \"exact\" in database \"exact\"", named);
    }

    private static Task Start(ServiceProvider services, bool migrates) =>
        migrates
            ? services.GetRequiredService<DatabaseMigrator>().MigrateAsync("test", Cancellation)
            : services.GetRequiredService<ReadinessCheck>().WaitAsync(Cancellation);

    private Task<MigrationRefusedException> RefusedAsync(Task wait) =>
        Assert.ThrowsAsync<MigrationRefusedException>(() => AdvanceAsync(wait));

    /// <summary>Lets the clock run fast until the wait is over, but not for RetryFor.</summary>
    private async Task AdvanceAsync(Task wait)
    {
        var started = time.GetUtcNow();
        await Wait.UntilAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                Assert.True(time.GetUtcNow() - started < TimeSpan.FromHours(1), "The wait does not end.");
                return Task.FromResult(wait.IsCompleted);
            },
            "the wait is over"
        );
        await wait;
    }
}
