using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using static Exact.Tests.Support.ExactServices;

namespace Exact.Tests.Migrating;

/// <summary>What an application's role lacks is named with the SQL that gives it, and that SQL works.</summary>
public sealed class ReadinessCheckTests(MigratedTemplate template) : IAsyncLifetime
{
    private const string History = "\"__EFMigrationsHistory\"";

    private readonly MigratedDatabase database = new(template);
    private TestRole role = null!;
    private ServiceProvider services = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        role = await TestRole.CreateAsync();
        services = ServicesOf(role.ConnectionString(database.Name));
        await database.ExecuteAsync(
            $"""
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role.Name};
            GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role.Name};
            """
        );
    }

    public async ValueTask DisposeAsync()
    {
        await services.DisposeAsync();
        await database.DisposeAsync();
        await role.DisposeAsync();
    }

    [Theory]
    [InlineData("REVOKE INSERT ON scores FROM {0}", "GRANT INSERT ON scores TO {0};")]
    [InlineData(
        "REVOKE ALL ON challenges, user_logins FROM {0}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON challenges, user_logins TO {0};"
    )]
    [InlineData("REVOKE SELECT ON " + History + " FROM {0}", "GRANT SELECT ON " + History + " TO {0};")]
    [InlineData(
        "REVOKE ALL ON SEQUENCE operations_id_seq FROM {0}",
        "GRANT USAGE, UPDATE ON SEQUENCE operations_id_seq TO {0};"
    )]
    [InlineData("REVOKE USAGE ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO {0};")]
    [InlineData("ALTER ROLE {0} SET search_path = nowhere", "ALTER ROLE {0} RESET search_path;")]
    [InlineData("ALTER ROLE {0} SET search_path = ''", "ALTER ROLE {0} RESET search_path;")]
    [InlineData(
        "CREATE SCHEMA mine; GRANT ALL ON SCHEMA mine TO {0}; ALTER ROLE {0} SET search_path = mine, public; "
            + "REVOKE USAGE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {0};"
    )]
    [InlineData("REVOKE CONNECT ON DATABASE {1} FROM PUBLIC", "GRANT CONNECT ON DATABASE \"{1}\" TO \"{0}\";")]
    public async Task A_missing_right_is_named_with_the_SQL_that_gives_it(string takeAway, string fix)
    {
        string Named(string sql) => sql.Replace("{0}", role.Name).Replace("{1}", database.Name);
        await database.ExecuteAsync(Named(takeAway));

        var before = await LookAsync();
        Assert.Equal(SchemaPhase.Refused, before.Phase);
        Assert.EndsWith($"run: {Named(fix)}", before.Detail);

        await database.ExecuteAsync(Named(fix));
        Assert.Equal(SchemaProgress.IsReady, await LookAsync());
    }

    [Theory]
    [InlineData("REVOKE USAGE ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO")]
    [InlineData("REVOKE ALL ON " + History + " FROM {0}", "GRANT SELECT ON " + History + " TO")]
    [InlineData("ALTER ROLE {0} PASSWORD 'another'", "Check the role and the password in ConnectionStrings__Exact.")]
    [InlineData("ALTER ROLE {0} SET search_path = nowhere", "ALTER ROLE {0} RESET search_path;")]
    public async Task A_state_that_cannot_be_read_does_not_count_as_pending(string takeAway, string fix)
    {
        await database.ExecuteAsync(takeAway.Replace("{0}", role.Name));

        var status = await StatusAsync();

        Assert.Equal(MigrationState.Unreachable, status.State);
        Assert.Contains(fix.Replace("{0}", role.Name), status.Detail);
        Assert.Empty(status.Pending);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_leaves_nothing_pending_in_the_status()
    {
        await using var nowhere = ServicesOf("Host=127.0.0.1;Port=1");

        var status = await nowhere
            .GetRequiredService<MigrationStatusReader>()
            .ReadAsync(MigrationStatusReader.AtOnce, Cancellation);

        Assert.Equal(MigrationState.Unreachable, status.State);
        Assert.Empty(status.Pending);
    }

    [Fact]
    public async Task A_right_that_only_imports_need_is_a_warning_of_the_status()
    {
        await database.ExecuteAsync($"REVOKE UPDATE ON SEQUENCE scores_id_seq FROM {role.Name}");

        Assert.Equal(SchemaProgress.IsReady, await LookAsync());

        var status = await StatusAsync();
        Assert.Equal(MigrationState.Current, status.State);
        Assert.EndsWith($"GRANT UPDATE ON SEQUENCE scores_id_seq TO {role.Name};", Assert.Single(status.Warnings));
    }

    [Fact]
    public async Task A_role_that_may_only_read_is_enough_for_a_database_that_is_read_only()
    {
        await database.ExecuteAsync(
            $"""
            REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public FROM {role.Name};
            REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role.Name};
            ALTER DATABASE {database.Name} SET default_transaction_read_only = on;
            """
        );

        Assert.Equal(SchemaProgress.IsReady, await LookAsync());
        Assert.Equal(MigrationState.Current, (await StatusAsync()).State);
    }

    [Fact]
    public async Task A_table_that_has_been_dropped_is_named()
    {
        await database.ExecuteAsync("DROP TABLE scores CASCADE");

        var found = await LookAsync();

        Assert.Equal(SchemaPhase.Refused, found.Phase);
        Assert.Contains($"of database {database.Name} has no table scores.", found.Detail);
    }

    [Fact]
    public async Task Pending_migrations_are_counted()
    {
        await database.MigrateToFirstAsync();

        var found = await LookAsync();

        Assert.Equal(SchemaPhase.WaitingForMigrations, found.Phase);
        Assert.True(found.Total > 0);
    }

    /// <summary>Looks with a new session, as settings of a role apply to new sessions only.</summary>
    private async Task<SchemaProgress> LookAsync()
    {
        services.GetRequiredService<NpgsqlDataSource>().Clear();
        var check = services.GetRequiredService<ReadinessCheck>();
        try
        {
            return await check.LookAsync(Cancellation);
        }
        catch (NpgsqlException e)
        {
            return check.Describe(e);
        }
    }

    private Task<MigrationStatus> StatusAsync() =>
        services.GetRequiredService<MigrationStatusReader>().ReadAsync(MigrationStatusReader.InFull, Cancellation);
}
