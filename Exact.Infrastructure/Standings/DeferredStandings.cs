using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Importing.Writing;

namespace Exact.Infrastructure.Standings;

/// <summary>
/// The participants and standings of an import. While it runs, the triggers of <c>scores</c> only note whose scores
/// change; they are derived
/// once, at its end (docs/decisions/standings.md).
/// </summary>
internal static class DeferredStandings
{
    /// <summary>The table whose triggers derive them.</summary>
    public const string Scores = "scores";

    public const string Participants = "participants";

    public const string Standings = "standings";

    /// <summary>Begins it, at the beginning of the transaction, so that no rollback to a savepoint ends it.</summary>
    public const string Begin = """
        SET LOCAL exact.standings = 'later';
        CREATE TEMP TABLE changed_participants (
            challenge_id text, username text, PRIMARY KEY (challenge_id, username)
        ) ON COMMIT DROP
        """;

    /// <summary>Keeps the trigger from looking at rows that are copied: all of them will be read again.</summary>
    public const string Pause = $"ALTER TABLE {Scores} DISABLE TRIGGER scores_inserted";

    public const string Resume = $"ALTER TABLE {Scores} ENABLE TRIGGER scores_inserted";

    /// <summary>Derives those whose scores have changed.</summary>
    public static async Task RefreshAsync(ImportSql sql, CancellationToken cancellationToken)
    {
        await sql.ExecuteAsync("ANALYZE pg_temp.changed_participants", cancellationToken);
        await sql.ExecuteAsync(
            """
            SELECT refresh_participants(array_agg(challenge_id), array_agg(username)) FROM pg_temp.changed_participants
            """,
            cancellationToken
        );
        // Where a challenge was renamed, the counts of its old name are left, without a challenge.
        await sql.ExecuteAsync(
            $"""
            DELETE FROM {Standings} s
            WHERE NOT EXISTS (SELECT FROM challenges c WHERE c.challenge_id = s.challenge_id)
            """,
            cancellationToken
        );
    }

    /// <summary>
    /// Derives all of them, after a <see cref="DirectLoad"/>: nobody else uses the tables, and there are no
    /// participants yet.
    /// </summary>
    public static async Task FillAsync(ImportSql sql, CancellationToken cancellationToken)
    {
        var indexes = new DroppedIndexes(sql, Participants);
        await indexes.DropAsync(["challenges"], cancellationToken);
        await indexes.DropPrimaryKeyAsync(cancellationToken);
        await sql.ExecuteAsync(
            $"INSERT INTO {Participants} ({ParticipantRows.Columns}) {ParticipantRows.Query}",
            cancellationToken
        );
        await sql.ExecuteAsync(ParticipantRows.FillStandings, cancellationToken);
        await indexes.RebuildAsync(cancellationToken);
        await sql.ExecuteAsync($"ANALYZE {Participants}", cancellationToken);
    }
}
