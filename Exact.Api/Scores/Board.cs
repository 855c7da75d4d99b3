using System.Security.Claims;
using Exact.Api.Access;
using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Api.Scores;

/// <summary>What every list of a challenge's scores has to know of the challenge.</summary>
internal sealed record Board
{
    /// <summary>Whether the rules hide the scores until the challenge closes, by the database's clock.</summary>
    public required bool IsHidden { get; init; }

    public required DateTimeOffset? ClosesOn { get; init; }

    /// <summary>The user name of the organiser.</summary>
    public required string CreatedBy { get; init; }

    /// <summary>The number of scores, of every state.</summary>
    public required long Scores { get; init; }

    /// <summary>The number of participants with a best EMD.</summary>
    public required long RankedEmd { get; init; }

    /// <summary>The number of participants with a best IMA.</summary>
    public required long RankedIma { get; init; }

    /// <summary>The number of scores that rank by EMD.</summary>
    public required long RankedEmdScores { get; init; }

    /// <summary>The number of scores that rank by IMA.</summary>
    public required long RankedImaScores { get; init; }

    /// <summary>The board of the challenge <c>@challenge_id</c>; no row if there is none.</summary>
    public const string Sql = """
        SELECT (closes_on IS NULL OR closes_on > now()) AND EXISTS (
                SELECT FROM challenge_rules WHERE challenge_id = @challenge_id AND hides_scores
            ), closes_on, created_by, counts.*
        FROM challenges CROSS JOIN (
            SELECT coalesce(sum(scores), 0)::bigint, coalesce(sum(ranked_emd), 0), coalesce(sum(ranked_ima), 0),
                coalesce(sum(ranked_emd_scores), 0)::bigint, coalesce(sum(ranked_ima_scores), 0)::bigint
            FROM standings WHERE challenge_id = @challenge_id
        ) counts
        WHERE challenge_id = @challenge_id
        """;

    /// <summary>The board of the challenge with this public name; null if there is none.</summary>
    public static async Task<Board?> FindAsync(
        NpgsqlDataSource database,
        string challengeId,
        CancellationToken cancellationToken
    )
    {
        await using var command = database.CreateShortCommand(RowSecurity.Off + Sql);
        command.Parameters.AddWithValue("challenge_id", challengeId);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await ReadAsync(reader, cancellationToken);
    }

    /// <summary>The board in the result of <see cref="Sql"/>; null if there is none.</summary>
    public static async Task<Board?> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellationToken) =>
        await reader.ReadAsync(cancellationToken)
            ? new()
            {
                IsHidden = reader.GetBoolean(0),
                ClosesOn = reader.GetFieldValue<DateTimeOffset?>(1),
                CreatedBy = reader.GetString(2),
                Scores = reader.GetInt64(3),
                RankedEmd = reader.GetInt64(4),
                RankedIma = reader.GetInt64(5),
                RankedEmdScores = reader.GetInt64(6),
                RankedImaScores = reader.GetInt64(7),
            }
            : null;

    /// <summary>Whether the caller may not see the scores of others yet: neither the organiser nor an administrator.</summary>
    public bool IsHiddenFrom(ClaimsPrincipal user) => IsHidden && !user.MayOrganise(CreatedBy);
}
