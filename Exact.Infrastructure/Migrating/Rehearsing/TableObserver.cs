using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace Exact.Infrastructure.Migrating.Rehearsing;

/// <summary>Sees which locks a migration holds when it commits, and which tables it has written again.</summary>
internal sealed class TableObserver : DbTransactionInterceptor
{
    /// <summary>The modes of table locks, the weakest first, as <c>pg_locks</c> and as the manual names them.</summary>
    private static readonly (string Name, string Mode)[] Modes =
    [
        ("RowShareLock", "ROW SHARE"),
        ("RowExclusiveLock", "ROW EXCLUSIVE"),
        ("ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE"),
        ("ShareLock", "SHARE"),
        ("ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE"),
        ("ExclusiveLock", "EXCLUSIVE"),
        ("AccessExclusiveLock", "ACCESS EXCLUSIVE"),
    ];

    /// <summary>The strongest lock on each table when the last transaction committed, but for plain reading.</summary>
    public IReadOnlyDictionary<string, string> Locks { get; private set; } = new Dictionary<string, string>();

    /// <summary>Forgets what it has seen.</summary>
    public void Reset() => Locks = new Dictionary<string, string>();

    public override async ValueTask<InterceptionResult> TransactionCommittingAsync(
        DbTransaction transaction,
        TransactionEventData eventData,
        InterceptionResult result,
        CancellationToken cancellationToken = default
    )
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT c.relname::text, array_agg(l.mode)
            FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
            WHERE l.pid = pg_backend_pid() AND l.granted AND c.relkind IN ('r', 'p')
              AND c.relnamespace = current_schema()::regnamespace
            GROUP BY c.relname
            """,
            (NpgsqlConnection)transaction.Connection!,
            (NpgsqlTransaction)transaction
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var locks = new Dictionary<string, string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var held = reader.GetFieldValue<string[]>(1);
            if (Array.FindLast(Modes, mode => held.Contains(mode.Name)) is { Mode: { } strongest })
            {
                locks.Add(reader.GetString(0), strongest);
            }
        }

        Locks = locks;
        return result;
    }

    /// <summary>The file of each table, which changes when PostgreSQL writes the table again.</summary>
    public static async Task<Dictionary<string, uint>> ReadFilesAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT relname::text, pg_relation_filenode(oid) FROM pg_class
            WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
            """,
            connection
        );
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var files = new Dictionary<string, uint>();
        while (await reader.ReadAsync(cancellationToken))
        {
            files.Add(reader.GetString(0), reader.GetFieldValue<uint>(1));
        }

        return files;
    }
}
