using System.Globalization;
using Npgsql;

namespace Exact.Bench;

/// <summary>What grows with the number of scores: each job once, at each size. Half of the scores are in one challenge.</summary>
internal sealed class ScaleRounds(Workshop workshop, int scores)
{
    private const string Database = "scale";

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);

    private readonly Dictionary<string, List<string>> rows = [];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        int[] sizes = [scores / 10, scores / 10 * 3, scores];
        foreach (var size in sizes)
        {
            Console.Error.WriteLine($"{size:n0} scores");
            await MeasureAsync(size, cancellationToken);
        }

        Console.WriteLine($"| scores | {string.Join(" | ", sizes.Select(size => size.ToString("n0", Culture)))} |");
        Console.WriteLine($"|---{string.Concat(sizes.Select(_ => "|---"))}|");
        foreach (var (what, cells) in rows)
        {
            Console.WriteLine($"| {what} | {string.Join(" | ", cells)} |");
        }
    }

    private static CultureInfo Culture => CultureInfo.InvariantCulture;

    private async Task MeasureAsync(int size, CancellationToken cancellationToken)
    {
        var fixture = Path.Combine(workshop.Folder, $"scale-{size}.json");
        new SeededFixture(size) { OneIsLarge = true }.WriteTo(fixture);
        Note("fixture", $"{new FileInfo(fixture).Length / 1e6:n0} MB");
        await workshop.CreateAsync(Database, cancellationToken);
        await workshop.SettleAsync(cancellationToken);
        await using (var service = await Service.StartAsync(workshop.ConnectionString(Database), cancellationToken))
        {
            var idle = service.MarkMemory();
            Note("import", (await service.ImportAsync(fixture, cancellationToken)).Time, size);
            File.Delete(fixture);
            await workshop.ExecuteAsync(Database, "VACUUM ANALYZE", cancellationToken);
            Note("export", await service.ExportAsync(cancellationToken), size);
            Note("memory above idle, import and export", $"{(service.PeakMemory() - idle) / 1048576.0:n0} MiB");
            await NoteSizeAsync("database", "pg_database_size(current_database())", cancellationToken);
            await NoteSizeAsync("scores with their indexes", "pg_total_relation_size('scores')", cancellationToken);
            foreach (
                var (what, path) in new[]
                {
                    ("leaderboard of half of them", $"/api/challenges/{SeededFixture.Name(1)}/leaderboard"),
                    ("leaderboard of a thousandth", $"/api/challenges/{SeededFixture.Name(2)}/leaderboard"),
                    ("list of challenges, 100 of them", "/api/challenges?limit=100"),
                }
            )
            {
                await Load.RunAsync(service.Port, path, 4, TimeSpan.Zero, cancellationToken); // compiles it
                var load = await Load.RunAsync(service.Port, path, 1, Pace, cancellationToken);
                Note(what, string.Create(Culture, $"{load.At(0.5):0.0} ms, 99 of 100 within {load.At(0.99):0.0} ms"));
            }
        }

        await MigrateAsync("a new column", nameof(LaterColumn), cancellationToken);
        await MigrateAsync("a new index, concurrently", nameof(LaterIndex), cancellationToken);
    }

    /// <summary>Migrates as an operator would, while others write.</summary>
    private async Task MigrateAsync(string what, string migration, CancellationToken cancellationToken)
    {
        var writer = Probe.Write(await workshop.ConnectAsync(Database, cancellationToken));
        await using (writer)
        {
            await Service.MigrateAsync(workshop.ConnectionString(Database), migration, cancellationToken);
        }

        await using var connection = await workshop.ConnectAsync(Database, cancellationToken);
        await using var command = new NpgsqlCommand(
            $"""
            SELECT extract(epoch FROM duration)::float8 FROM "__EFMigrationsHistory" WHERE migration_id LIKE '%{migration}'
            """,
            connection
        );
        var took = (double)(await command.ExecuteScalarAsync(cancellationToken))!;
        Note(
            what,
            string.Create(Culture, $"{took:0.00} s, the longest wait of a writer {writer.Longest.TotalSeconds:0.00} s")
        );
    }

    private async Task NoteSizeAsync(string what, string sql, CancellationToken cancellationToken)
    {
        await using var connection = await workshop.ConnectAsync(Database, cancellationToken);
        await using var command = new NpgsqlCommand($"SELECT {sql}", connection);
        var bytes = (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        Note(what, string.Create(Culture, $"{bytes / 1e6:n0} MB"));
    }

    private void Note(string what, TimeSpan time, int size) =>
        Note(
            what,
            string.Create(Culture, $"{time.TotalSeconds:0.0} s ({size / time.TotalSeconds / 1000:0} thousand a second)")
        );

    private void Note(string what, string cell)
    {
        Console.Error.WriteLine($"  {what}: {cell}");
        (rows.TryGetValue(what, out var cells) ? cells : rows[what] = []).Add(cell);
    }
}
