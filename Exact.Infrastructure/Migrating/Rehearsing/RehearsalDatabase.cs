using Exact.Infrastructure.Database;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Migrating.Rehearsing;

/// <summary>An empty database on the same server, which is dropped when it is disposed.</summary>
/// <remarks>
/// A session in the database <c>postgres</c> holds an advisory lock on the name for as long. Without its lock, a
/// database of this kind is what a killed process has left behind, and the next rehearsal drops it.
/// </remarks>
internal sealed partial class RehearsalDatabase : IAsyncDisposable
{
    private const string Prefix = "exact_rehearsal_";

    // "EXCR" in ASCII for rehearsals, and a second key for the name.
    private const string TryLock = "SELECT pg_try_advisory_lock(1163412306, hashtext($1))";

    private readonly NpgsqlConnection server;
    private readonly ILogger logger;

    private RehearsalDatabase(NpgsqlConnection server, ILogger logger) => (this.server, this.logger) = (server, logger);

    public string Name { get; } = $"{Prefix}{Guid.NewGuid():N}";

    /// <summary>The databases of earlier rehearsals that were dropped.</summary>
    public IReadOnlyList<string> DroppedLeftovers { get; private set; } = [];

    /// <exception cref="MigrationRefusedException">The role may not create databases.</exception>
    public static async Task<RehearsalDatabase> CreateAsync(
        MigratorConnection connections,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        var server = await connections.OpenAsync(cancellationToken, database: "postgres");
        var database = new RehearsalDatabase(server, logger);
        try
        {
            await database.ExecuteAsync(TimeLimits.Lift(server, local: false), cancellationToken);
            database.DroppedLeftovers = await database.DropLeftoversAsync(cancellationToken);
            await database.TryLockAsync(database.Name, cancellationToken);
            await database.ExecuteAsync(
                $"CREATE DATABASE {database.Name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
                cancellationToken
            );
            return database;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege)
        {
            await server.DisposeAsync();
            var role = SqlIdentifier.Quote(connections.Settings.Username ?? Environment.UserName);
            throw new MigrationRefusedException(
                $"A rehearsal needs a scratch database, which role {role} may not create. As a superuser, run: "
                    + $"ALTER ROLE {role} CREATEDB; or name a role that may in ConnectionStrings__ExactMigrator.",
                e
            );
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    /// <summary>Drops it, also after a failure or Ctrl+C, and says what to do if that fails.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await ExecuteAsync(Drop(Name), CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            LogLeft(Name, e.Cause());
        }

        await server.DisposeAsync();
    }

    private async Task<IReadOnlyList<string>> DropLeftoversAsync(CancellationToken cancellationToken)
    {
        var found = Array.Empty<string>();
        await using (
            var find = new NpgsqlCommand(
                "SELECT coalesce(array_agg(datname::text), '{}') FROM pg_database WHERE starts_with(datname::text, $1)",
                server
            )
        )
        {
            find.Parameters.Add(new() { Value = Prefix });
            found = (string[])(await find.ExecuteScalarAsync(cancellationToken))!;
        }

        var dropped = new List<string>();
        foreach (var name in found)
        {
            if (!await TryLockAsync(name, cancellationToken))
            {
                continue; // another rehearsal uses it
            }

            try
            {
                await ExecuteAsync(Drop(name), cancellationToken);
                dropped.Add(name);
            }
            catch (PostgresException e)
            {
                LogLeft(name, e.Cause());
            }
        }

        return dropped;
    }

    private async Task<bool> TryLockAsync(string name, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(TryLock, server) { Parameters = { new() { Value = name } } };
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, server) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static string Drop(string name) => $"DROP DATABASE IF EXISTS {SqlIdentifier.Quote(name)} WITH (FORCE)";

    [LoggerMessage(
        2050,
        LogLevel.Warning,
        "The scratch database {Name} could not be dropped: {Cause} The next rehearsal tries it again, or run: DROP DATABASE {Name};"
    )]
    private partial void LogLeft(string name, string cause);
}
