using System.Data.Common;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Drops what an interrupted <c>CREATE INDEX CONCURRENTLY</c> left behind, and exempts it from the lock timeout,
/// because its waits block no other session.
/// </summary>
internal sealed class ConcurrentIndexes : DbCommandInterceptor
{
    private const string Concurrently = "CONCURRENTLY";

    /// <summary>
    /// Drops indexes that pending migrations will create concurrently but that already exist, because an earlier
    /// process died before it recorded the migration.
    /// </summary>
    /// <returns>The names of the dropped indexes.</returns>
    public static async Task<IReadOnlyList<string>> DropLeftoversAsync(
        DbContext context,
        IEnumerable<string> pending,
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var dropped = new List<string>();
        foreach (var index in FindIn(context, pending))
        {
            var name = SqlIdentifier.Quote(index.Name);
            await using var exists = new NpgsqlCommand("SELECT to_regclass($1) IS NOT NULL", connection);
            exists.Parameters.Add(new() { Value = name });
            if (await exists.ExecuteScalarAsync(cancellationToken) is true)
            {
                await using var drop = new NpgsqlCommand($"DROP INDEX {Concurrently} IF EXISTS {name}", connection);
                drop.CommandTimeout = 0;
                await WithoutLockTimeoutAsync(connection, () => drop.ExecuteNonQueryAsync(cancellationToken));
                dropped.Add(index.Name);
            }
        }

        return dropped;
    }

    public override async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command,
        CommandEventData eventData,
        InterceptionResult<int> result,
        CancellationToken cancellationToken = default
    ) =>
        command.Transaction is null && command.CommandText.Contains(Concurrently, StringComparison.OrdinalIgnoreCase)
            ? InterceptionResult<int>.SuppressWithResult(
                await WithoutLockTimeoutAsync(
                    (NpgsqlConnection)command.Connection!,
                    () => command.ExecuteNonQueryAsync(cancellationToken)
                )
            )
            : result;

    private static IEnumerable<CreateIndexOperation> FindIn(DbContext context, IEnumerable<string> migrations)
    {
        var assembly = context.GetService<IMigrationsAssembly>();
        var provider = context.GetService<IDatabaseProvider>().Name;
        return migrations
            .SelectMany(id => assembly.CreateMigration(assembly.Migrations[id], provider).UpOperations)
            .OfType<CreateIndexOperation>()
            .Where(index => index["Npgsql:CreatedConcurrently"] is true);
    }

    private static async Task<int> WithoutLockTimeoutAsync(NpgsqlConnection connection, Func<Task<int>> run)
    {
        await using var show = new NpgsqlCommand("SHOW lock_timeout", connection);
        var before = (string)(await show.ExecuteScalarAsync())!;
        await SetLockTimeoutAsync(connection, "0");
        var result = await run();
        await SetLockTimeoutAsync(connection, before); // not after an exception, which ends the session
        return result;
    }

    private static async Task SetLockTimeoutAsync(NpgsqlConnection connection, string value)
    {
        await using var set = new NpgsqlCommand($"SET lock_timeout = '{value}'", connection);
        await set.ExecuteNonQueryAsync();
    }
}
