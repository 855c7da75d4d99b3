using Exact.Infrastructure.Database;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Opens the migrator's sessions, with <c>ConnectionStrings:ExactMigrator</c> or else the application's. They are not
/// pooled, so closing one ends it.
/// </summary>
internal sealed class MigratorConnection(DatabaseSettings settings, IOptions<MigrationOptions> options)
{
    /// <summary>The setting with the connection string.</summary>
    public string Setting { get; } =
        settings.MigratorConnectionString == settings.ConnectionString
            ? ReadinessCheck.Setting
            : "ConnectionStrings__ExactMigrator";

    /// <summary>The connection string with which sessions are opened.</summary>
    public NpgsqlConnectionStringBuilder Settings { get; } =
        new(settings.MigratorConnectionString)
        {
            Pooling = false,
            ApplicationName = Product.Origin,
            KeepAlive = 15,
            TcpKeepAlive = true,
            HostRecheckSeconds = 1, // what Npgsql knows of the hosts of sessions without a pool cannot be cleared
        };

    /// <summary>Opens a session.</summary>
    public async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken, string? database = null)
    {
        var target = new NpgsqlConnectionStringBuilder(Settings.ConnectionString);
        target.Database = database ?? target.Database;
        target.Password ??= settings.ReadPassword();
        var connection = new NpgsqlConnection(target.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            await using var command = new NpgsqlCommand(RowSecurity.Off, connection);
            await command.ExecuteNonQueryAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>A pool of sessions in another database of the server, for work without time limits.</summary>
    public NpgsqlDataSource CreateDataSource(string database)
    {
        var target = new NpgsqlConnectionStringBuilder(Settings.ConnectionString)
        {
            Database = database,
            SearchPath = null, // the other database need not have such a schema
            Pooling = true,
            CommandTimeout = 0,
        };
        target.Password ??= settings.ReadPassword();
        return NpgsqlDataSource.Create(target.ConnectionString);
    }

    /// <summary>Sets the limits that prevent a migration from blocking the application.</summary>
    public async Task LimitAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SET lock_timeout = {options.Value.LockTimeout.TotalMilliseconds:0};
            {TimeLimits.Lift(connection, local: false)}
            {LostClient.Detect(local: false)}
            """,
            connection
        );
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
