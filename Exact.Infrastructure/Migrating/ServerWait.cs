using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>Waits for a server that can be migrated, creates the database if it is missing, and names what waiting cannot mend.</summary>
internal sealed partial class ServerWait(
    MigratorConnection connections,
    SchemaState state,
    IOptions<MigrationOptions> options,
    ILogger<ServerWait> logger
)
{
    private static readonly TimeSpan MaximalPause = TimeSpan.FromSeconds(5);

    private string Server => $"{connections.Settings.Host}:{connections.Settings.Port}";

    private string Database => connections.Settings.Database ?? connections.Settings.Username ?? "postgres";

    /// <summary>Opens a session in the database, as soon as that can be done.</summary>
    /// <exception cref="MigrationRefusedException">The cause will not go away by itself, or the server stayed away.</exception>
    public async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var pause = TimeSpan.FromMilliseconds(100);
        while (true)
        {
            try
            {
                return await OpenFitAsync(cancellationToken);
            }
            catch (PostgresException e)
                when (e.SqlState is PostgresErrorCodes.InvalidCatalogName
                    && options.Value.OnStartup is StartupAction.Apply
                )
            {
                await CreateDatabaseAsync(cancellationToken);
            }
            catch (Exception e)
                when (PostgresErrors.IsServerAway(e)
                    || e is PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName }
                )
            {
                if (Stopwatch.GetElapsedTime(started) > options.Value.ServerWait)
                {
                    throw new MigrationRefusedException(
                        $"PostgreSQL at {Server} has not been usable for {options.Value.ServerWait}: {e.Message}",
                        e
                    );
                }

                state.Enter(SchemaPhase.WaitingForServer, $"Waiting for PostgreSQL at {Server}: {e.Message}");
                LogWaiting(Server, e.Message);
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), cancellationToken);
                pause = pause * 2 < MaximalPause ? pause * 2 : MaximalPause;
            }
            catch (PostgresException e)
            {
                throw new MigrationRefusedException(
                    $"PostgreSQL at {Server} refuses role \"{connections.Settings.Username}\" in database \"{Database}\": "
                        + $"{e.MessageText} ({e.SqlState}). Check ConnectionStrings__Exact and its password.",
                    e
                );
            }
        }
    }

    private async Task<NpgsqlConnection> OpenFitAsync(CancellationToken cancellationToken)
    {
        var connection = await connections.OpenAsync(cancellationToken);
        try
        {
            await RefuseUnfitAsync(connection, cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task RefuseUnfitAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (options.Value.OnStartup is not StartupAction.Apply)
        {
            return;
        }

        await using var command = new NpgsqlCommand("SELECT pg_backend_pid(), pg_is_in_recovery()", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        if (reader.GetInt32(0) != connection.ProcessID)
        {
            throw new MigrationRefusedException(
                $"{Server} is a connection pooler, not PostgreSQL: the migration lock belongs to a session, which a pooler "
                    + "shares out. Give the server's own address in ConnectionStrings__ExactMigrator."
            );
        }

        if (reader.GetBoolean(1))
        {
            throw new MigrationRefusedException(
                $"PostgreSQL at {Server} is a standby and cannot be written to. Give the primary's address, or several hosts "
                    + "with \"Target Session Attributes=primary\", in ConnectionStrings__Exact."
            );
        }
    }

    private async Task CreateDatabaseAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await connections.OpenAsync(cancellationToken, database: "postgres");
            var name = Database.Replace("\"", "\"\"", StringComparison.Ordinal);

            // In the order of its bytes a text is found faster, and no new version of a library changes that order under the indexes.
            var provider = connection.PostgreSqlVersion.Major >= 15 ? "LOCALE_PROVIDER libc" : "";
            await using var command = new NpgsqlCommand(
                $"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' {provider}",
                connection
            );
            command.CommandTimeout = 0;
            await command.ExecuteNonQueryAsync(cancellationToken);
            LogCreated(Database, Server);
        }
        catch (PostgresException e)
            when (e.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
        {
            // another replica was faster
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ObjectInUse)
        {
            // template0 is being vacuumed; the caller tries again
        }
        catch (PostgresException e) when (!PostgresErrors.IsServerAway(e))
        {
            throw new MigrationRefusedException(
                $"Database \"{Database}\" does not exist at {Server}, and role \"{connections.Settings.Username}\" cannot create "
                    + $"it: {e.MessageText} ({e.SqlState}). Create it once, owned by that role, or grant the role CREATEDB.",
                e
            );
        }
    }

    [LoggerMessage(LogLevel.Warning, "Waiting for PostgreSQL at {Server}: {Reason}")]
    private partial void LogWaiting(string server, string reason);

    [LoggerMessage(LogLevel.Information, "Created database {Database} at {Server}")]
    private partial void LogCreated(string database, string server);
}
