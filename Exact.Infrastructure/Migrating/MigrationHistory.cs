// EF1001: the maintainers recommend this internal class for replacing the lock (npgsql/npgsql#6025). Only this file
// depends on it, and the tests with many replicas notice when it changes.
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
/// EF Core's history table, with <see cref="MigrationLock"/> as its lock and with columns for the facts of each
/// migration.
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

    // The search path determines the schema, as for every other table.
    protected override string ExistsSql => $"SELECT to_regclass('{Table}') IS NOT NULL";

    // The provider would provoke an error, which both sides log, and open another connection at every look of a waiting
    // replica.
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
        var held = await MigrationLock.AcquireAsync(
            connection,
            new MigrationOptions().LockWait,
            TimeProvider.System,
            cancellationToken: cancellationToken
        );
        return new Held(held!, this); // not null without "isNeeded"
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
        // Defaults, so that the facts are committed with the migration, even by a script that dotnet ef wrote.
        history.Property<DateTimeOffset>("AppliedAt").HasDefaultValueSql("clock_timestamp()");
        history
            .Property<string>("AppliedBy")
            .HasColumnType("text")
            .IsRequired()
            .HasDefaultValueSql("current_setting('application_name')");
        // A migration and its row share a transaction, so its age is the migration's duration.
        history.Property<TimeSpan>("Duration").HasDefaultValueSql("clock_timestamp() - transaction_timestamp()");
    }

    private sealed class Held(MigrationLock held, IHistoryRepository history) : IMigrationsDatabaseLock
    {
        public IHistoryRepository HistoryRepository => history;

        public ValueTask DisposeAsync() => held.DisposeAsync();

        public void Dispose() => held.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
