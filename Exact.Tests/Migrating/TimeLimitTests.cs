using Exact.Infrastructure.Database;
using Exact.Tests.Support;
using Npgsql;

namespace Exact.Tests.Migrating;

/// <summary>The limits that an administrator sets for requests do not end what has to take long.</summary>
public sealed class TimeLimitTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Every_time_limit_that_the_server_knows_is_lifted(bool local)
    {
        await using var connection = await database.DataSource.OpenConnectionAsync(CancellationToken);
        var limits = await ReadAsync(connection);
        Assert.InRange(limits.Count, 2, 4); // transaction_timeout came with PostgreSQL 17, idle_session_timeout with 14
        await ExecuteAsync(connection, string.Concat(limits.Keys.Select(name => $"SET {name} = '1h';")));
        var set = await ReadAsync(connection);

        await ExecuteAsync(connection, "BEGIN");
        await ExecuteAsync(connection, TimeLimits.Lift(connection, local));
        var lifted = await ReadAsync(connection);
        await ExecuteAsync(connection, "COMMIT");
        var after = await ReadAsync(connection);

        Assert.All(set.Values, value => Assert.Equal("3600000", value));
        Assert.All(lifted.Values, value => Assert.Equal("0", value));
        Assert.Equal(local ? set : lifted, after);
    }

    private static async Task<Dictionary<string, string>> ReadAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand(
            "SELECT name, setting FROM pg_settings WHERE name ~ '(statement|transaction|session)_timeout$'",
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(CancellationToken);
        var limits = new Dictionary<string, string>();
        while (await reader.ReadAsync(CancellationToken))
        {
            limits.Add(reader.GetString(0), reader.GetString(1));
        }

        return limits;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(CancellationToken);
    }
}
