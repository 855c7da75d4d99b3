using System.Globalization;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Infrastructure.Backups;

/// <summary>A database with Exact's schema on the same server, for a while. Disposing drops it.</summary>
internal sealed class ScratchDatabase : IAsyncDisposable
{
    private const string Prefix = "exact_scratch_";

    private readonly MigratorConnection connections;
    private readonly string name;

    private ScratchDatabase(MigratorConnection connections, string name, NpgsqlDataSource source)
    {
        this.connections = connections;
        this.name = name;
        Source = source;
    }

    public NpgsqlDataSource Source { get; }

    /// <summary>The newest migration that it has.</summary>
    public string Schema { get; private set; } = "";

    /// <exception cref="BackupException">The role may not create databases.</exception>
    public static async Task<ScratchDatabase> CreateAsync(
        MigratorConnection connections,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var now = time.GetUtcNow();
        var name = $"{NameAt(now)}_{Guid.NewGuid():N}";
        await using (var server = await connections.OpenAsync(cancellationToken, database: "postgres"))
        {
            await DropLeftoversAsync(server, now, cancellationToken);
            try
            {
                await ExecuteAsync(
                    server,
                    $"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'",
                    cancellationToken
                );
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege)
            {
                throw new BackupException(
                    $"A backup is verified in a scratch database, which {server.UserName} cannot create. Allow it: ALTER ROLE "
                        + $"{SqlIdentifier.Quote(server.UserName!)} CREATEDB.",
                    e
                );
            }
        }

        var scratch = new ScratchDatabase(connections, name, connections.CreateDataSource(name));
        try
        {
            await scratch.MigrateAsync(cancellationToken);
            return scratch;
        }
        catch
        {
            await scratch.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await using var server = await connections.OpenAsync(CancellationToken.None, database: "postgres");
        await ExecuteAsync(server, $"DROP DATABASE IF EXISTS {name} WITH (FORCE)", CancellationToken.None);
    }

    private async Task MigrateAsync(CancellationToken cancellationToken)
    {
        var options = new DbContextOptionsBuilder<ExactDbContext>();
        options.UseExact(Source);
        await using var context = new ExactDbContext(options.Options);
        context.Database.SetCommandTimeout(TimeSpan.Zero);
        await context.Database.MigrateAsync(cancellationToken);
        Schema = context.Database.GetMigrations().Last();
    }

    /// <summary>Drops those that a killed process has left, once they are a day old.</summary>
    private static async Task DropLeftoversAsync(
        NpgsqlConnection server,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        var left = new List<string>();
        await using (
            var find = new NpgsqlCommand(
                $"""
                SELECT datname FROM pg_database
                WHERE datname LIKE '{Prefix.Replace("_", @"\_")}%' AND datname < '{NameAt(now.AddDays(-1))}'
                  AND pg_has_role(datdba, 'USAGE')
                """,
                server
            )
        )
        {
            await using var rows = await find.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
            {
                left.Add(rows.GetString(0));
            }
        }

        foreach (var name in left)
        {
            await ExecuteAsync(server, $"DROP DATABASE IF EXISTS {SqlIdentifier.Quote(name)}", cancellationToken);
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection server, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, server) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static string NameAt(DateTimeOffset at) =>
        Prefix + at.UtcDateTime.ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture);
}

/// <summary>A backup could not be made or is not what it should be.</summary>
internal sealed class BackupException(string message, Exception? cause = null) : Exception(message, cause);
