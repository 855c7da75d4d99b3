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
    ServerWait wait,
    IOptions<MigrationOptions> options,
    ILogger<DatabaseOpener> logger
)
{
    private string Server => ServerRefusal.NameOf(connections.Settings);

    private string Database => ServerRefusal.DatabaseOf(connections.Settings);

    /// <summary>Opens a session in the database as soon as the server allows it.</summary>
    /// <exception cref="MigrationRefusedException">Waiting does not help, or took too long.</exception>
    public Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) =>
        wait.UntilAnsweredAsync(
            connections.Setting,
            connections.Settings,
            async attempt =>
            {
                try
                {
                    return await OpenSuitableAsync(attempt);
                }
                catch (PostgresException e)
                    when (PostgresErrors.IsDatabaseMissing(e) && options.Value.OnStartup is StartupAction.Apply)
                {
                    await CreateDatabaseAsync(cancellationToken); // it may take longer than an attempt
                    return await OpenSuitableAsync(attempt);
                }
            },
            cancellationToken
        );

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
        var session = await DatabaseSession.ReadAsync(connection, cancellationToken);
        if (session.ProcessId != connection.ProcessID)
        {
            throw new MigrationRefusedException(
                $"{Server} is a connection pooler, not PostgreSQL. The migration lock belongs to a session, and a "
                    + "pooler changes sessions. Set ConnectionStrings__ExactMigrator to the address of the server itself."
            );
        }

        if ((session.FindObstacle(connections.Setting) ?? session.FindHistoryObstacle()) is { } obstacle)
        {
            throw new MigrationRefusedException(obstacle);
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
        catch (PostgresException e) when (!ServerRefusal.MayPass(e))
        {
            throw new MigrationRefusedException(
                $"Database \"{Database}\" does not exist at {Server}, and role \"{connections.Settings.Username}\" "
                    + $"cannot create it: {e.MessageText} ({e.SqlState}). Create the database, owned by that role, or "
                    + "grant the role CREATEDB.",
                e
            );
        }
    }

    [LoggerMessage(2002, LogLevel.Information, "Created database {Database} at {Server}")]
    private partial void LogCreated(string database, string server);
}
