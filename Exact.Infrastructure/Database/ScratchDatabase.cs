using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exact.Infrastructure.Database;

/// <summary>An empty database on the same server, which is dropped when it is disposed.</summary>
/// <remarks>
/// A session in the database <c>postgres</c> holds an advisory lock on the name for as long. Without its lock, a
/// database of this kind is what a killed process has left behind, and the next one drops it.
/// </remarks>
internal sealed partial class ScratchDatabase : IAsyncDisposable
{
    // "EXCR" in ASCII, and a second key for the name.
    private const string TryLock = "SELECT pg_try_advisory_lock(1163412306, hashtext($1))";

    private readonly NpgsqlConnection server;
    private readonly string prefix;
    private readonly ILogger logger;

    private ScratchDatabase(NpgsqlConnection server, string purpose, ILogger logger)
    {
        (this.server, prefix, this.logger) = (server, $"exact_{purpose}_", logger);
        Name = $"{prefix}{Guid.NewGuid():N}";
    }

    public string Name { get; }

    /// <summary>The databases that killed processes had left behind, and that were dropped.</summary>
    public IReadOnlyList<string> DroppedLeftovers { get; private set; } = [];

    /// <summary>Whose order of strings is the same on every server.</summary>
    private const string PlainLocale = "ENCODING 'UTF8' LOCALE 'C'";

    /// <summary>How the database of the parameter orders strings. The columns depend on the version of PostgreSQL.</summary>
    private const string LocaleQuery = """
        SELECT format('ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_encoding_to_char(encoding), datcollate, datctype)
            || CASE provider
                WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', locale)
                    || coalesce(' ICU_RULES ' || quote_literal(rules), '')
                WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', locale)
                WHEN 'c' THEN ' LOCALE_PROVIDER libc'
                ELSE '' END
        FROM pg_database d CROSS JOIN LATERAL (
            SELECT to_jsonb(d) ->> 'datlocprovider' AS provider, to_jsonb(d) ->> 'daticurules' AS rules,
                coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale
        ) more
        WHERE datname = $1
        """;

    /// <param name="connections">The migrator's way to the server.</param>
    /// <param name="purpose">A word for its name. Those of the same purpose that were left behind are dropped.</param>
    /// <param name="like">The database whose locale it gets; null for <c>C</c>.</param>
    /// <param name="logger">Gets the name of one that cannot be dropped.</param>
    /// <param name="cancellationToken">Ends the creation.</param>
    /// <exception cref="ScratchDatabaseException">The role may not create databases.</exception>
    public static async Task<ScratchDatabase> CreateAsync(
        MigratorConnection connections,
        string purpose,
        string? like,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        var server = await connections.OpenAsync(cancellationToken, database: "postgres");
        var database = new ScratchDatabase(server, purpose, logger);
        try
        {
            await database.ExecuteAsync(TimeLimits.Lift(server, local: false), cancellationToken);
            database.DroppedLeftovers = await database.DropLeftoversAsync(cancellationToken);
            await database.TryLockAsync(database.Name, cancellationToken);
            var locale = like is null ? PlainLocale : await database.ReadLocaleAsync(like, cancellationToken);
            await database.ExecuteAsync(
                $"CREATE DATABASE {database.Name} TEMPLATE template0 {locale}",
                cancellationToken
            );
            return database;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege)
        {
            await server.DisposeAsync();
            throw new ScratchDatabaseException(Lacking(connections), e);
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

    /// <summary>What to do if the role may not create a scratch database.</summary>
    public static string Lacking(MigratorConnection connections)
    {
        var role = SqlIdentifier.Quote(connections.Settings.Username ?? Environment.UserName);
        return $"This needs a scratch database, which role {role} may not create. As a superuser, run: ALTER ROLE {role} "
            + "CREATEDB; or name a role that may in ConnectionStrings__ExactMigrator.";
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
            find.Parameters.Add(new() { Value = prefix });
            found = (string[])(await find.ExecuteScalarAsync(cancellationToken))!;
        }

        var dropped = new List<string>();
        foreach (var name in found)
        {
            if (!await TryLockAsync(name, cancellationToken))
            {
                continue; // somebody uses it
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

    private async Task<string> ReadLocaleAsync(string name, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(LocaleQuery, server) { Parameters = { new() { Value = name } } };
        return await command.ExecuteScalarAsync(cancellationToken) as string ?? PlainLocale;
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
        "The scratch database {Name} could not be dropped: {Cause} The next one for the same purpose drops it, or run: DROP DATABASE {Name};"
    )]
    private partial void LogLeft(string name, string cause);
}

/// <summary>A scratch database cannot be created; the message says what to do.</summary>
internal sealed class ScratchDatabaseException(string message, Exception cause) : Exception(message, cause);
