using Npgsql;

namespace Exact.Tests.Support;

/// <summary>A role that may log in and nothing more, until a test grants it something; dropped afterwards.</summary>
internal sealed class TestRole : IAsyncDisposable
{
    public string Name { get; } = $"role_{Guid.NewGuid():N}";

    private string server = "";

    public static async Task<TestRole> CreateAsync()
    {
        var role = new TestRole { server = await PostgresServer.ConnectionStringAsync() };
        await ExecuteAsync(role.server, $"CREATE ROLE {role.Name} LOGIN PASSWORD 'secret'");
        return role;
    }

    /// <summary>This role's connection string to a database.</summary>
    public string ConnectionString(string database) =>
        new NpgsqlConnectionStringBuilder(server)
        {
            Username = Name,
            Password = "secret",
            Database = database,
        }.ConnectionString;

    public async ValueTask DisposeAsync() => await ExecuteAsync(server, $"DROP ROLE {Name}");

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
