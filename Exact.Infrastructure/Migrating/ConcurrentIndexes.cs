using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// <c>CREATE INDEX CONCURRENTLY</c> runs outside a transaction, so two things about it are ours: what a killed one left behind,
/// and the wait for old transactions, which holds nobody up and must not be cut short by the lock timeout.
/// </summary>
internal sealed class ConcurrentIndexes : DbCommandInterceptor
{
    private const string Concurrently = "CONCURRENTLY";

    /// <summary>
    /// Drops the indexes that pending migrations are going to create concurrently and that exist nevertheless: INVALID ones of
    /// an interrupted build, or a valid one whose process died before it could write the history.
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
            var name = $"\"{index.Name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
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
        await SetLockTimeoutAsync(connection, before); // where it threw, the session is given up
        return result;
    }

    private static async Task SetLockTimeoutAsync(NpgsqlConnection connection, string value)
    {
        await using var set = new NpgsqlCommand($"SET lock_timeout = '{value}'", connection);
        await set.ExecuteNonQueryAsync();
    }
}
