using System.Globalization;
using Npgsql;

namespace Exact.Bench;

/// <summary>
/// Reads of Exact beside those of the legacy stack, of the same rows on the same server: a challenge for each thousand
/// scores.
/// </summary>
internal sealed class LegacyRounds(Workshop workshop, int scores)
{
    private const string Exact = "legacy_exact";
    private const string Django = "legacy_django";
    private const int Connections = 32;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await SameRows.FillAsync(workshop, scores, Exact, Django, cancellationToken);
        var challenge = await ChallengeAsync(cancellationToken);
        (string What, string Path)[] reads =
        [
            ("list of challenges", "/api/challenges"),
            ("one challenge", $"/api/challenges/{challenge}"),
            ("leaderboard page", $"/api/challenges/{challenge}/leaderboard"),
        ];
        await using var exact = await Service.StartAsync(workshop.ConnectionString(Exact), cancellationToken);
        await using var django = await Gunicorn.StartAsync(workshop.ConnectionString(Django), cancellationToken);
        Console.WriteLine("| what | Exact, requests/s | Django, requests/s | ratio |");
        Console.WriteLine("|---|---|---|---|");
        await CompareAsync("");
        await workshop.ExecuteAsync(Django, "CREATE INDEX ON api_score (challenge_id)", cancellationToken);
        await workshop.ExecuteAsync(Django, "VACUUM ANALYZE api_score", cancellationToken);
        await CompareAsync(", Django's scores with an index on the challenge");

        async Task CompareAsync(string condition)
        {
            foreach (var (what, path) in reads)
            {
                var ours = await RateAsync(exact.Port, path, cancellationToken);
                var theirs = await RateAsync(django.Port, path, cancellationToken);
                Console.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"| {what}{condition} | {ours:0} | {theirs:0.0} | {ours / theirs:0.0} × |"
                    )
                );
            }
        }
    }

    /// <summary>Once to compile the code and to connect to the database, and once to measure.</summary>
    private static async Task<double> RateAsync(int port, string path, CancellationToken cancellationToken)
    {
        await Load.RunAsync(port, path, Connections, TimeSpan.Zero, cancellationToken);
        return (await Load.RunAsync(port, path, Connections, TimeSpan.Zero, cancellationToken)).Rate;
    }

    private async Task<string> ChallengeAsync(CancellationToken cancellationToken)
    {
        await using var connection = await workshop.ConnectAsync(Exact, cancellationToken);
        await using var command = new NpgsqlCommand("SELECT challenge_id FROM challenges WHERE id = 1", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
