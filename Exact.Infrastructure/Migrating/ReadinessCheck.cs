using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Infrastructure.Migrating;

/// <summary>Asks the application's own pool whether a request would be served.</summary>
internal sealed class ReadinessCheck(
    DbContextOptions<ExactDbContext> contextOptions,
    NpgsqlDataSource database,
    DatabaseSettings settings,
    ServerWait wait
)
{
    public const string Setting = "ConnectionStrings__Exact";

    private readonly NpgsqlConnectionStringBuilder connectionString = new(settings.ConnectionString);
    private readonly Lazy<IReadOnlyCollection<string>> migrations = new(() =>
        [.. MigrationHash.All(contextOptions).Keys]
    );

    /// <summary>Waits for the server, and looks.</summary>
    /// <exception cref="MigrationRefusedException">The server rejects the role, or did not answer.</exception>
    public Task<SchemaProgress> WaitAsync(CancellationToken cancellationToken) =>
        wait.UntilAnsweredAsync(
            Setting,
            connectionString,
            token => database.TryTwiceAsync(() => LookAsync(token)), // a standby may have been promoted since the last look
            cancellationToken
        );

    /// <summary>
    /// Looks once: <see cref="SchemaPhase.Ready"/>, <see cref="SchemaPhase.WaitingForMigrations"/>, or
    /// <see cref="SchemaPhase.Refused"/> with the SQL that gives what is lacking.
    /// </summary>
    /// <exception cref="NpgsqlException">The server does not answer, or rejects the role.</exception>
    public async Task<SchemaProgress> LookAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var session = await DatabaseSession.ReadAsync(connection, cancellationToken);
        if (session.FindObstacle(Setting) is { } obstacle)
        {
            return Refuse(obstacle);
        }

        var tables = CompiledSchema.Current.Tables;
        var rights = await ApplicationRights.ReadAsync(connection, session, tables, cancellationToken);
        var applied =
            rights.MissingTables.Contains(MigrationHistory.Table) ? []
            : !session.MayReadHistory ? null
            : await MigrationRecords.ReadIdsAsync(connection, cancellationToken);
        var pending = applied is null ? 0 : migrations.Value.Except(applied).Count();
        return (pending, rights) switch
        {
            (> 0, _) => new(
                SchemaPhase.WaitingForMigrations,
                $"Pending migrations: {pending}, in schema {session.Schema} of database {session.Database}."
            )
            {
                Total = pending,
            },
            (_, { MissingTables: { Count: > 0 } missing }) => Refuse(
                $"Every migration is applied, but schema {session.Schema} of database {session.Database} has no table "
                    + $"{string.Join(", ", missing)}. Restore it from a backup, or run the SQL that the command \"status\" "
                    + "prints."
            ),
            (_, { Grants: { Count: > 0 } grants }) => Refuse(
                $"Role {session.Role} lacks rights on Exact's tables in database {session.Database}. As their owner, "
                    + "run: "
                    + string.Join(' ', grants)
            ),
            _ => SchemaProgress.IsReady,
        };
    }

    /// <summary>Explains a failed look: the server is away, the database is gone, or the role is rejected.</summary>
    public SchemaProgress Describe(Exception failure) =>
        failure switch
        {
            PostgresException e when PostgresErrors.IsDatabaseMissing(e) => new(
                SchemaPhase.WaitingForMigrations,
                e.MessageText
            ),
            _ when ServerRefusal.MayPass(failure) => new(
                SchemaPhase.Away,
                $"PostgreSQL at {ServerRefusal.NameOf(connectionString)} does not answer: {failure.Cause()}"
            ),
            PostgresException e when RowSecurity.TableOf(e) is null => Refuse(
                ServerRefusal.Describe(e, Setting, connectionString)
            ),
            _ => Refuse(failure.Cause()),
        };

    private static SchemaProgress Refuse(string detail) => new(SchemaPhase.Refused, detail);
}
