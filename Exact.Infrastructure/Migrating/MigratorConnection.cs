using Exact.Infrastructure.Database;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Opens the sessions that look and migrate: on <c>ConnectionStrings:ExactMigrator</c> if there is one (a direct address, or
/// the role that owns the schema), else on the application's own. Never pooled, so that closing one ends its session.
/// </summary>
internal sealed class MigratorConnection(DatabaseSettings settings, IOptions<MigrationOptions> options)
{
    /// <summary>The migrator's connection string, as it is opened.</summary>
    public NpgsqlConnectionStringBuilder Settings { get; } =
        new(settings.MigratorConnectionString)
        {
            Pooling = false,
            ApplicationName = Product.Origin,
            KeepAlive = 15,
            TcpKeepAlive = true,
        };

    /// <summary>Opens a session.</summary>
    public async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken, string? database = null)
    {
        var target = new NpgsqlConnectionStringBuilder(Settings.ConnectionString);
        target.Database = database ?? target.Database;
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

    /// <summary>Gives a session that will migrate the limits that keep a migration from stopping the application.</summary>
    public async Task LimitAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SET lock_timeout = {options.Value.LockTimeout.TotalMilliseconds:0};
            SET statement_timeout = 0;
            SET idle_in_transaction_session_timeout = 0;
            -- A killed replica's statement would run on to its end, and hold the lock for as long.
            DO $$ BEGIN
                PERFORM set_config('client_connection_check_interval', '500', false);
            EXCEPTION WHEN undefined_object OR invalid_parameter_value THEN -- PostgreSQL 13; a platform that cannot
            END $$;
            -- A lost machine says nothing at all: ask after 10 s, give up after 25.
            SET tcp_keepalives_idle = 10;
            SET tcp_keepalives_interval = 5;
            SET tcp_keepalives_count = 3;
            """,
            connection
        );
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
