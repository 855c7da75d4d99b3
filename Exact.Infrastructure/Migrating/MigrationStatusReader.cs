using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating.Drift;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// Reads the <see cref="MigrationStatus"/> quickly at any time: it changes nothing and waits for no migration.
/// </summary>
internal sealed class MigrationStatusReader(
    DbContextOptions<ExactDbContext> contextOptions,
    NpgsqlDataSource database,
    ReadinessCheck readiness,
    SchemaState state
)
{
    private readonly Lazy<IReadOnlyDictionary<string, string>> known = new(() => MigrationHash.All(contextOptions));

    /// <summary>For an immediate answer, which may omit the comparison with the model.</summary>
    public static readonly TimeSpan AtOnce = TimeSpan.FromMilliseconds(25);

    /// <summary>For a complete answer.</summary>
    public static readonly TimeSpan InFull = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan OpenWithin = TimeSpan.FromSeconds(5);

    /// <param name="patience">How long to wait for the comparison with the model, which the status can omit.</param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    public async Task<MigrationStatus> ReadAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await OpenAsync(patience, cancellationToken);
            var session = await DatabaseSession.ReadAsync(connection, cancellationToken);
            if ((session.FindObstacle(ReadinessCheck.Setting) ?? session.FindHistoryObstacle()) is { } obstacle)
            {
                return DescribeUnreadable(obstacle);
            }

            var applied = await MigrationRecords.ReadAppliedAsync(connection, cancellationToken);
            var holder = await MigrationLock.FindHolderAsync(connection, cancellationToken);
            var failure = await MigrationRecords.ReadFailureAsync(connection, cancellationToken);
            var status = Describe(applied, holder, failure) with { ServerVersion = $"{connection.PostgreSqlVersion}" };
            status = await CompareAsync(connection, status, patience, cancellationToken);
            status = await WarnOfRightsAsync(connection, session, status, cancellationToken);
            status = await WarnOfBackupsAsync(connection, status, cancellationToken);
            Record(status);
            return status;
        }
        catch (PostgresException e) when (RowSecurity.TableOf(e) is not null)
        {
            return DescribeHidden(RowSecurity.TableOf(e)!);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return DescribeUnreadable(readiness.Describe(e).Detail);
        }
    }

    /// <exception cref="TimeoutException">The server cannot be reached, or does not answer.</exception>
    private async Task<NpgsqlConnection> OpenAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        patience = patience > OpenWithin ? patience : OpenWithin;
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ends.CancelAfter(patience);
        try
        {
            return await database.OpenConnectionAsync(ends.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"it opened no session within {patience.TotalSeconds:0} seconds.", e);
        }
    }

    /// <summary>Compares the catalog with the model, and looks for tables without a history.</summary>
    private static async Task<MigrationStatus> CompareAsync(
        NpgsqlConnection connection,
        MigrationStatus status,
        TimeSpan patience,
        CancellationToken cancellationToken
    )
    {
        try
        {
            switch (status)
            {
                case { State: MigrationState.Current }:
                    var compared = status.With(await SchemaDrift.ReadAsync(connection, patience, cancellationToken));
                    // A newer version may have migrated since the history was read, which is not drift.
                    return
                        compared.State is MigrationState.Drifted
                        && (await MigrationRecords.ReadAppliedAsync(connection, cancellationToken)).Count
                            != status.Applied.Count
                        ? status
                        : compared;
                case { State: MigrationState.Pending, Applied.Count: 0 }:
                    var obstacle = await SchemaAdoption.FindObstacleAsync(connection, cancellationToken);
                    return status with { Detail = obstacle ?? status.Detail };
                default:
                    return status;
            }
        }
        catch (TimeoutException e)
        {
            return status with
            {
                Detail = $"{status.Detail} The database was not compared with the model: {e.Message}",
            };
        }
    }

    private static async Task<MigrationStatus> WarnOfRightsAsync(
        NpgsqlConnection connection,
        DatabaseSession session,
        MigrationStatus status,
        CancellationToken cancellationToken
    )
    {
        if (status.Pending.Count > 0)
        {
            return status; // rights on tables that are still to be created cannot be judged
        }

        var tables = CompiledSchema.Current.Tables;
        var rights = await ApplicationRights.ReadAsync(connection, session, tables, cancellationToken);
        return status with { Warnings = [.. status.Warnings, .. rights.Warnings] };
    }

    private static async Task<MigrationStatus> WarnOfBackupsAsync(
        NpgsqlConnection connection,
        MigrationStatus status,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var record = await BackupHistory.ReadAsync(connection, cancellationToken);
            var warning = $"Backups have failed since {record.FailedSince:u}. The last error: {record.Error}";
            return record.FailedSince is null ? status : status with { Warnings = [.. status.Warnings, warning] };
        }
        catch (PostgresException e)
            when (e.SqlState is PostgresErrorCodes.UndefinedTable || RowSecurity.TableOf(e) is not null)
        {
            return status; // there is no journal yet, or the comparison with the model reports it
        }
    }

    /// <summary>Describes a database that cannot be read; what is applied and pending there is unknown.</summary>
    private MigrationStatus DescribeUnreadable(string detail) =>
        Describe([], null, null) with
        {
            State = MigrationState.Unreachable,
            Detail = detail,
            Pending = [],
        };

    private MigrationStatus Describe(IReadOnlyList<AppliedMigration> applied, LockHolder? holder, string? failure)
    {
        var hashes = known.Value;
        var had = applied.Select(migration => migration.Id).ToHashSet();
        var pending = hashes.Keys.Where(id => !had.Contains(id)).ToList();
        var unknown = applied.Select(migration => migration.Id).Except(hashes.Keys).ToList();
        applied = [.. applied.Select(one => one with { IsEdited = IsEdited(one, hashes) })];
        var (current, detail) = (pending, unknown, holder, failure) switch
        {
            ({ Count: > 0 }, _, not null, _) => (MigrationState.Migrating, $"{holder} is applying {pending[0]}."),
            ({ Count: > 0 }, _, null, not null) => (
                MigrationState.Failed,
                $"The last run failed: {failure} Fix the cause, then apply them again."
            ),
            ({ Count: > 0 }, _, null, null) => (
                MigrationState.Pending,
                $"Pending migrations: {pending.Count}. Apply them with the command \"migrate\", with the button on the "
                    + "console's page of migrations, with POST /api/admin/migrations, or by starting a replica."
            ),
            (_, { Count: > 0 }, _, _) => (
                MigrationState.Ahead,
                $"{applied.Last(one => unknown.Contains(one.Id)).Version ?? "A newer version of Exact"} has migrated this "
                    + $"database. Migrations that this version ({Product.Version}) does not have: {unknown.Count}."
            ),
            _ => (MigrationState.Current, $"Every migration is applied ({hashes.Count} in all)."),
        };
        return new MigrationStatus
        {
            State = current,
            Detail = detail,
            Version = Product.Version,
            Process = state.Current,
            LockHolder = holder,
            Current = current is MigrationState.Migrating ? pending[0] : null,
            Applied = applied,
            Pending = pending,
            Unknown = unknown,
            Warnings = [.. applied.Where(one => one.IsEdited).Select(WarnOfEdit)],
        };
    }

    /// <summary>Describes a database in which row security hides the history from this role.</summary>
    private MigrationStatus DescribeHidden(string table) =>
        Describe([], null, null) with
        {
            State = MigrationState.Drifted,
            Detail =
                $"Row security on {table} hides rows from this role, so the applied migrations are unknown. "
                + "Switch it off.",
            Pending = [],
            Drift =
            [
                new(DriftKind.Different, $"table {table}", "row security: expected none, found enabled")
                {
                    Fix = RowSecurity.Disable(table),
                },
            ],
        };

    private static void Record(MigrationStatus status)
    {
        Telemetry.StatusRead(status.Pending.Count, status.Unknown.Count, status.Applied.Count(one => one.IsEdited));
        if (status.Drift is { } drift)
        {
            Telemetry.DriftRead(drift.Count(finding => !finding.Harmless));
        }
    }

    private static bool IsEdited(AppliedMigration applied, IReadOnlyDictionary<string, string> hashes) =>
        applied.Hash is not null && hashes.TryGetValue(applied.Id, out var hash) && hash != applied.Hash;

    private static string WarnOfEdit(AppliedMigration edited) =>
        $"{edited.Id} is not what was applied at {edited.AppliedAt:u}: its SQL has a different hash "
        + (
            edited.Generator == MigrationHash.Generator
                ? "(it was edited since: undo the edit, and write a new migration for the change)."
                : $"(generated by {edited.Generator} then and by {MigrationHash.Generator} now, or edited since)."
        );
}
