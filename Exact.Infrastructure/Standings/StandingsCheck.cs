using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Infrastructure.Standings;

/// <summary>Compares participants and standings with the scores that they are derived from, and derives them again.</summary>
internal sealed class StandingsCheck(NpgsqlDataSource database)
{
    private const string WrongParticipants = $"""
        SELECT DISTINCT challenge_id, username FROM (
            (SELECT {ParticipantRows.Columns} FROM participants EXCEPT {ParticipantRows.Query})
            UNION ALL
            ({ParticipantRows.Query} EXCEPT SELECT {ParticipantRows.Columns} FROM participants)
        ) wrong
        """;

    private const string Kept = """
        SELECT challenge_id, sum(participants)::int, sum(ranked_emd)::int, sum(ranked_ima)::int,
            sum(ranked_emd_scores)::bigint, sum(ranked_ima_scores)::bigint, sum(scores)::bigint
        FROM standings GROUP BY challenge_id
        HAVING (sum(participants), sum(ranked_emd), sum(ranked_ima), sum(scores)) <> (0, 0, 0, 0)
        """;

    private const string WrongStandings = $"""
        SELECT DISTINCT challenge_id
        FROM (({ParticipantRows.Counts} EXCEPT {Kept}) UNION ALL ({Kept} EXCEPT {ParticipantRows.Counts})) wrong
        """;

    private const string Compare = $"""
        SELECT (SELECT count(*) FROM ({WrongParticipants}) pair),
            (SELECT count(*) FROM ({WrongStandings}) challenge),
            (SELECT count(*) FROM participants),
            (SELECT count(DISTINCT challenge_id) FROM participants)
        """;

    /// <summary>Writers of scores wait; readers go on. The tables are locked in the order in which a writer takes them.</summary>
    private const string Rebuild = $"""
        LOCK TABLE scores, disqualifications, participants, standings IN SHARE ROW EXCLUSIVE MODE;
        SELECT refresh_participants(array_agg(challenge_id), array_agg(username)) FROM ({WrongParticipants}) pair;
        DELETE FROM standings;
        {ParticipantRows.FillStandings}
        """;

    /// <summary>Counts what differs; with <paramref name="rebuild"/>, what differed before it was derived again.</summary>
    public async Task<StandingsReport> RunAsync(bool rebuild, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var compare = new NpgsqlCommand($"{TimeLimits.Lift(connection, local: true)}{Compare}", connection)
        {
            CommandTimeout = 0,
        };
        StandingsReport report;
        await using (var reader = await compare.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            report = new(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3));
        }

        if (rebuild && !report.AreEqual)
        {
            await using var command = new NpgsqlCommand(Rebuild, connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancellationToken);
            await transaction.CommitAsync(CancellationToken.None);
        }

        return report;
    }
}

/// <summary>What differs from the scores.</summary>
/// <param name="WrongParticipants">How many participants differ, are missing or should not be there.</param>
/// <param name="WrongStandings">How many challenges have counts that differ from their participants.</param>
/// <param name="Participants">How many rows <c>participants</c> has.</param>
/// <param name="Challenges">How many challenges have participants.</param>
internal sealed record StandingsReport(long WrongParticipants, long WrongStandings, long Participants, long Challenges)
{
    public bool AreEqual => WrongParticipants == 0 && WrongStandings == 0;
}
