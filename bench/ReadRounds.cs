using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Exact.Bench;

/// <summary>Reads while the board is large: one challenge has all scores, of 50 thousand participants, and 100 others have none.</summary>
internal sealed class ReadRounds(Workshop workshop, int scores)
{
    private const string Database = "reads";
    private const int Connections = 32;

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    private static readonly (string What, string Path)[] Reads =
    [
        ("leaderboard page", "/api/challenges/large/leaderboard"),
        ("list of challenges", "/api/challenges"),
        ("one challenge", "/api/challenges/large"),
        ("leaderboard page, all entries", "/api/challenges/large/leaderboard?entries=all"),
        ("scores page", "/api/challenges/large/scores"),
    ];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await workshop.CreateAsync(Database, cancellationToken);
        await workshop.ExecuteAsync(
            Database,
            $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            SELECT CASE n WHEN 0 THEN 'large' ELSE 'c' || n END, 'Challenge ' || n, 'What does it look at?', now(), 'ada'
            FROM generate_series(0, 100) n;
            INSERT INTO scores (username, challenge_id, score, emd_score, emd_std, ima_score, created_at, status)
            SELECT 'user' || n % 50000, 'large', value, value, 0.1, random(), now() - n * interval '1 second', 'completed'
            FROM (SELECT n, round(random()::numeric, 4)::float8 AS value FROM generate_series(1, {scores}) n) one
            """,
            cancellationToken
        );
        await workshop.ExecuteAsync(Database, "VACUUM ANALYZE", cancellationToken);
        await workshop.SettleAsync(cancellationToken);
        await using var service = await Service.StartAsync(workshop.ConnectionString(Database), cancellationToken);
        Console.WriteLine("| what | p50 at 50/s | p99 at 50/s | requests/s at 32 connections | p99 |");
        Console.WriteLine("|---|---|---|---|---|");
        foreach (var (what, path) in Reads)
        {
            await Load.RunAsync(service.Port, path, 4, TimeSpan.Zero, cancellationToken); // compiles it
            var paced = await Load.RunAsync(service.Port, path, 1, Pace, cancellationToken);
            var full = await Load.RunAsync(service.Port, path, Connections, TimeSpan.Zero, cancellationToken);
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {what} | {paced.At(0.5):0.0} ms | {paced.At(0.99):0.0} ms | {full.Rate:0} | {full.At(0.99):0.0} ms |"
                )
            );
        }

        var completions = new Load(await CompleteAsync(cancellationToken));
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"| completion of a score | {completions.At(0.5):0.0} ms | {completions.At(0.99):0.0} ms | | |"
            )
        );
    }

    /// <summary>Completes scores one after the other, 50 a second: each is an UPDATE, and the trigger derives its participant.</summary>
    private async Task<double[]> CompleteAsync(CancellationToken cancellationToken)
    {
        await using var connection = await workshop.ConnectAsync(Database, cancellationToken);
        await using var command = new NpgsqlCommand(
            "UPDATE scores SET status = 'completed', emd_score = random(), ima_score = random() WHERE id = $1",
            connection
        )
        {
            Parameters = { new NpgsqlParameter<long>() },
        };
        await command.PrepareAsync(cancellationToken);
        var start = Stopwatch.StartNew();
        var times = new List<double>();
        while (start.Elapsed < Load.Duration)
        {
            if (Pace * times.Count - start.Elapsed is var early && early > TimeSpan.Zero)
            {
                await Task.Delay(early, cancellationToken);
            }

            command.Parameters[0].Value = 1 + (times.Count * 7919L % scores);
            var watch = Stopwatch.StartNew();
            await command.ExecuteNonQueryAsync(cancellationToken);
            times.Add(watch.Elapsed.TotalMilliseconds);
        }

        return [.. times];
    }
}
