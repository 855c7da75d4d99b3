// EF1001: the maintainers point to this class for another lock (npgsql/npgsql#6025) but keep it in an internal namespace.
// Only this file depends on it, and the tests with many replicas tell when it changes.
#pragma warning disable EF1001
using System.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using Npgsql.EntityFrameworkCore.PostgreSQL.Migrations.Internal;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// EF's history table, with two changes. The lock is <see cref="MigrationLock"/>, held from the first migration to the last
/// and through the seeding; EF's own, LOCK TABLE, is dropped at every commit and makes readers of the history wait. And each
/// row says what its migration was (a hash of its SQL), and when, by whom and in what time it was applied: column defaults, so
/// that the facts are committed with the migration, also by a script that <c>dotnet ef</c> wrote.
/// </summary>
internal sealed class MigrationHistory(
    HistoryRepositoryDependencies dependencies,
    IMigrationsAssembly assembly,
    IMigrationsSqlGenerator generator,
    IModelRuntimeInitializer models,
    IDatabaseProvider provider
) : NpgsqlHistoryRepository(dependencies)
{
    public const string Name = "__EFMigrationsHistory";
    public const string Table = $"\"{Name}\"";

    public override LockReleaseBehavior LockReleaseBehavior => LockReleaseBehavior.Connection;

    // The search path decides where the table is, as it does for every other table.
    protected override string ExistsSql => $"SELECT to_regclass('{Table}') IS NOT NULL";

    // The provider reads the table and catches the error, which shows in the logs of both sides. And it would open a connection
    // to see whether there is a database, at every look of every replica that waits.
    public override async Task<bool> ExistsAsync(CancellationToken cancellationToken = default) =>
        (
            Dependencies.Connection.DbConnection.State is ConnectionState.Open
            || await Dependencies.DatabaseCreator.ExistsAsync(cancellationToken)
        )
        && await Dependencies
            .RawSqlCommandBuilder.Build(ExistsSql)
            .ExecuteScalarAsync(
                new(
                    Dependencies.Connection,
                    null,
                    null,
                    Dependencies.CurrentContext.Context,
                    null,
                    CommandSource.Migrations
                ),
                cancellationToken
            )
            is true;

    public override async Task<IReadOnlyList<HistoryRow>> GetAppliedMigrationsAsync(
        CancellationToken cancellationToken = default
    ) => await ExistsAsync(cancellationToken) ? await base.GetAppliedMigrationsAsync(cancellationToken) : [];

    public override async Task<IMigrationsDatabaseLock> AcquireDatabaseLockAsync(
        CancellationToken cancellationToken = default
    )
    {
        var connection = (NpgsqlConnection)Dependencies.Connection.DbConnection;
        var patience = new MigrationOptions().LockWait;
        var held = await MigrationLock.AcquireAsync(connection, patience, cancellationToken: cancellationToken);
        return new Held(held!, this); // never null: it is always needed
    }

    public override IMigrationsDatabaseLock AcquireDatabaseLock() =>
        AcquireDatabaseLockAsync().GetAwaiter().GetResult();

    public override string GetInsertScript(HistoryRow row)
    {
        var hash = MigrationHash.Of(row.MigrationId, assembly, generator, models, provider.Name);
        return $"""
            INSERT INTO {Table} (migration_id, product_version, provider_version, hash)
            VALUES ('{row.MigrationId}', '{row.ProductVersion}', '{MigrationHash.Provider}', '{hash}');

            """;
    }

    protected override void ConfigureTable(EntityTypeBuilder<HistoryRow> history)
    {
        base.ConfigureTable(history);
        history.Property<string?>("ProviderVersion").HasMaxLength(32);
        history.Property<string?>("Hash").HasMaxLength(64);
        history.Property<DateTimeOffset>("AppliedAt").HasDefaultValueSql("clock_timestamp()");
        history
            .Property<string>("AppliedBy")
            .HasColumnType("text")
            .IsRequired()
            .HasDefaultValueSql("current_setting('application_name')");
        // A migration and its row share a transaction, so the time since that transaction began is the migration's.
        history.Property<TimeSpan>("Duration").HasDefaultValueSql("clock_timestamp() - transaction_timestamp()");
    }

    private sealed class Held(MigrationLock held, IHistoryRepository history) : IMigrationsDatabaseLock
    {
        public IHistoryRepository HistoryRepository => history;

        public ValueTask DisposeAsync() => held.DisposeAsync();

        public void Dispose() => held.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
