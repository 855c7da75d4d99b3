using Exact.Api.Operations;
using Exact.Infrastructure.Migrating;

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

    /// <summary>The most urgent thing comes first.</summary>
    public static Advice Of(
        MigrationStatus status,
        BackupStatus? backup,
        bool hasData,
        OperationResponse? running,
        DateTimeOffset now
    ) =>
        (status.State, running) switch
        {
            (MigrationState.Unreachable, _) => new("bad", $"The database cannot be read. {status.Detail}"),
            (MigrationState.Failed, _) => new(
                "bad",
                "The last migration failed. Find the cause, then apply it again.",
                "/migrations",
                "See why"
            ),
            (MigrationState.Migrating, _) => new("busy", "A replica is migrating.", "/migrations", "Watch it"),
            (MigrationState.Pending, _) => new(
                "warn",
                status.Pending.Count == 1
                    ? "1 migration is pending: apply it."
                    : $"{status.Pending.Count} migrations are pending: apply them.",
                "/migrations",
                "Review and apply"
            ),
            (MigrationState.Drifted, _) => new(
                "warn",
                "The database differs from the model.",
                "/migrations",
                "See the differences"
            ),
            (_, not null) => new(
                "busy",
                $"An {Show.Name(running.Kind)} is running.",
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
            _ when hasData && backup is null => new(
                "warn",
                "There is no backup yet: take one.",
                "/backups",
                "Take a backup"
            ),
            _ when hasData && now - backup!.At > Fresh => new(
                "warn",
                $"The last backup is {Show.Span(now - backup.At)} old: take a new one.",
                "/backups",
                "Take a backup"
            ),
            _ when !hasData => new(
                "good",
                "Everything is ready, and the database is empty.",
                "/backups",
                "Restore a backup"
            ),
            _ => new("good", "Everything is in order."),
        };
}
