using System.Diagnostics;
using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Opens a session that can migrate: waits for the server, creates a missing database, and refuses an unsuitable one.
/// </summary>
internal sealed partial class DatabaseOpener(
    MigratorConnection connections,
    SchemaState state,
    IOptions<MigrationOptions> options,
    ILogger<DatabaseOpener> logger
)
{
    private static readonly TimeSpan MaximalPause = TimeSpan.FromSeconds(5);

    private string Server => $"{connections.Settings.Host}:{connections.Settings.Port}";

    private string Database => connections.Settings.Database ?? connections.Settings.Username ?? "postgres";

    /// <summary>Opens a session in the database as soon as the server allows it.</summary>
    /// <exception cref="MigrationRefusedException">Waiting does not help, or took too long.</exception>
    public async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var pause = TimeSpan.FromMilliseconds(100);
        while (true)
        {
            try
            {
                return await OpenSuitableAsync(cancellationToken);
            }
            catch (PostgresException e)
                when (e.SqlState is PostgresErrorCodes.InvalidCatalogName
                    && options.Value.OnStartup is StartupAction.Apply
                )
            {
                await CreateDatabaseAsync(cancellationToken);
            }
            catch (Exception e) when (PostgresErrors.IsServerAway(e) || PostgresErrors.IsDatabaseMissing(e))
            {
                if (Stopwatch.GetElapsedTime(started) > options.Value.ServerWait)
                {
                    throw new MigrationRefusedException(
                        $"PostgreSQL at {Server} could not be used for {options.Value.ServerWait}: {e.Message} "
                            + "Start it, correct ConnectionStrings__Exact, or raise Migrations:ServerWait.",
                        e
                    );
                }

                state.Enter(SchemaPhase.WaitingForServer, $"Waiting for PostgreSQL at {Server}: {e.Message}");
                LogWaiting(Server, e.Message);
                await Task.Delay(pause.WithJitter(), cancellationToken);
                pause = pause * 2 < MaximalPause ? pause * 2 : MaximalPause;
            }
            catch (PostgresException e)
            {
                throw new MigrationRefusedException(
                    $"PostgreSQL at {Server} rejects role \"{connections.Settings.Username}\" in database \"{Database}\": "
                        + $"{e.MessageText} ({e.SqlState}). Check the role and the password in ConnectionStrings__Exact.",
                    e
                );
            }
        }
    }

    private async Task<NpgsqlConnection> OpenSuitableAsync(CancellationToken cancellationToken)
    {
        var connection = await connections.OpenAsync(cancellationToken);
        try
        {
            await RefuseUnsuitableAsync(connection, cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task RefuseUnsuitableAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
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
                $"{Server} is a connection pooler, not PostgreSQL. The migration lock belongs to a session, and a pooler "
                    + "changes sessions. Set ConnectionStrings__ExactMigrator to the address of the server itself."
            );
        }

        if (reader.GetBoolean(1))
        {
            throw new MigrationRefusedException(
                $"PostgreSQL at {Server} is a standby and cannot be written to. Set ConnectionStrings__Exact to the address of "
                    + "the primary, or to several hosts with \"Target Session Attributes=primary\"."
            );
        }
    }

    private async Task CreateDatabaseAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await connections.OpenAsync(cancellationToken, database: "postgres");

            // Byte order makes comparisons of strings fast, and no library update can change it under the indexes.
            var provider = connection.PostgreSqlVersion.Major >= 15 ? "LOCALE_PROVIDER libc" : "";
            var name = SqlIdentifier.Quote(Database);
            await using var command = new NpgsqlCommand(
                $"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' {provider}",
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
                    + $"it: {e.MessageText} ({e.SqlState}). Create the database, owned by that role, or grant the role CREATEDB.",
                e
            );
        }
    }

    [LoggerMessage(2001, LogLevel.Warning, "Waiting for PostgreSQL at {Server}: {Reason}")]
    private partial void LogWaiting(string server, string reason);

    [LoggerMessage(2002, LogLevel.Information, "Created database {Database} at {Server}")]
    private partial void LogCreated(string database, string server);
}
