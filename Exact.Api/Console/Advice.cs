using Exact.Api.Backups;
using Exact.Api.Operations;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;

namespace Exact.Api.AdminConsole;

/// <summary>How things are, in one sentence, and what to do next.</summary>
/// <param name="Tone">The class of the sentence: <c>good</c>, <c>busy</c>, <c>warn</c> or <c>bad</c>.</param>
/// <param name="Sentence">The sentence.</param>
/// <param name="Page">The page below <c>/admin</c> where it can be done; null if there is nothing to do.</param>
/// <param name="Action">The words of the link.</param>
internal sealed record Advice(string Tone, string Sentence, string? Page = null, string? Action = null)
{
    /// <summary>How old a backup may be.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromDays(7);

    /// <summary>All that can be said where the tables cannot be read, or may be missing.</summary>
    public static Advice OfMigrations(MigrationStatus status) =>
        status.State switch
        {
            MigrationState.Unreachable => new("bad", $"The database cannot be read. {status.Detail}"),
            MigrationState.Failed => new(
                "bad",
                "The last migration failed. Find the cause, then apply it again.",
                "/migrations",
                "See why"
            ),
            MigrationState.Migrating => new("busy", "A replica is migrating.", "/migrations", "Watch it"),
            MigrationState.Pending => new(
                "warn",
                status.Pending.Count == 1
                    ? "1 migration is pending: apply it."
                    : $"{status.Pending.Count} migrations are pending: apply them.",
                "/migrations",
                "Review and apply"
            ),
            _ => new("warn", "The service is not ready.", "/migrations", "See the migrations"),
        };

    /// <summary>The most urgent thing comes first: what has failed, before what is pending or runs.</summary>
    public static Advice Of(
        MigrationStatus status,
        BackupStatus backups,
        bool hasData,
        OperationResponse? running,
        DateTimeOffset now
    ) =>
        (status.State, running) switch
        {
            (MigrationState.Failed, _) => OfMigrations(status),
            _ when backups is { FailedSince: { } since, LastVerified: var last } => new(
                "bad",
                $"Backups have failed since {Show.Time(since)} UTC; "
                    + (
                        last is null
                            ? "none is verified."
                            : $"the last verified one is {Show.Span(now - last.TakenAt)} old."
                    ),
                "/backups",
                "See why"
            ),
            (MigrationState.Migrating or MigrationState.Pending, _) => OfMigrations(status),
            (MigrationState.Drifted, _) => new(
                "warn",
                "The database differs from the model.",
                "/migrations",
                "See the differences"
            ),
            (_, not null) => new(
                "busy",
                $"{(running.Kind is OperationKind.Import or OperationKind.Export ? "An" : "A")} {Show.Name(running.Kind)} is running.",
                $"/operations/{running.Id}",
                "Watch it"
            ),
            (MigrationState.Ahead, _) => new(
                "warn",
                $"{status.NewerVersion ?? "A newer version of Exact"} has migrated this database: deploy that version "
                    + "here, too.",
                "/migrations",
                "See which"
            ),
            _ when OfBackups(backups, hasData, now) is { } advice => advice,
            _ when !hasData => new(
                "good",
                "Everything is ready, and the database is empty.",
                "/backups",
                "Restore a backup"
            ),
            _ => new("good", "Everything is in order."),
        };

    private static Advice? OfBackups(BackupStatus backups, bool hasData, DateTimeOffset now) =>
        (backups, hasData) switch
        {
            (_, false) => null,
            ({ Folder: null }, _) => new(
                "warn",
                "No folder for backups is set, so none are made: set Backups__Folder.",
                "/backups",
                "See how"
            ),
            ({ Backups: [] }, _) => new("warn", "There is no backup yet: take one.", "/backups", "Take a backup"),
            ({ Backups: [{ Verified: false } newest, ..] }, _) => new(
                "warn",
                "The last backup is not verified, so it may not be restorable: verify it.",
                $"/backups/{newest.Name}",
                "Verify it"
            ),
            ({ LastVerified: { } last }, _) when now - last.TakenAt > Fresh => new(
                "warn",
                $"The last backup is {Show.Span(now - last.TakenAt)} old: take a new one.",
                "/backups",
                "Take a backup"
            ),
            _ => null,
        };
}
