namespace Exact.Bench;

/// <summary>One round measures every figure at every size; what is compared runs one right after the other.</summary>
internal sealed class Rounds(Workshop workshop, Figures figures, int scores, bool withDjango)
{
    private const string Ours = "ours";
    private const string Theirs = "theirs";
    private const string Django = "django";

    private static readonly string[] Tables = ["users", "challenges", "scores"];

    public int[] Sizes { get; } = [scores / 100, scores / 10, scores];

    public async Task RunAsync(int round, CancellationToken cancellationToken)
    {
        foreach (var size in Sizes)
        {
            Console.Error.WriteLine($"round {round}, {size:n0} scores");
            await TransferAsync(size, cancellationToken);
            await GrowAsync(size, cancellationToken);
            if (OperatingSystem.IsLinux())
            {
                await RememberAsync(size, cancellationToken);
            }
        }
    }

    private async Task TransferAsync(int size, CancellationToken cancellationToken)
    {
        var fixture = Fixture(new SeededFixture(size), "first");
        await workshop.CreateAsync(Ours, cancellationToken);
        await workshop.CreateAsync(Theirs, cancellationToken);
        await using var service = await WarmAsync(Ours, cancellationToken);

        await workshop.SettleAsync(cancellationToken);
        var (first, _) = await service.ImportAsync(fixture, cancellationToken);
        var rows = await RowsAsync(size, cancellationToken);
        await workshop.SettleAsync(cancellationToken);
        var copy = await workshop.PsqlAsync(Theirs, CopyFrom(rows), cancellationToken);
        figures.Add(Figure.Fill, size, first.TotalSeconds, copy.TotalSeconds);
        if (withDjango && size == Sizes[1])
        {
            var loaddata = await LoaddataAsync(fixture, cancellationToken);
            figures.Add(Figure.Loaddata, size, first.TotalSeconds, loaddata.TotalSeconds);
        }

        await workshop.SettleAsync(cancellationToken);
        var (again, counts) = await service.ImportAsync(fixture, cancellationToken);
        Expect(counts, "unchanged", size);
        figures.Add(Figure.Again, size, again.TotalSeconds, first.TotalSeconds);

        var export = await service.ExportAsync(cancellationToken);
        var columns = await workshop.ColumnsAsync(Ours, "scores", cancellationToken);
        var jsonCopy = await workshop.PsqlAsync(Ours, JsonCopy(columns), cancellationToken);
        figures.Add(Figure.JsonCopy, size, export.TotalSeconds, jsonCopy.TotalSeconds);
        if (withDjango && size == Sizes[2])
        {
            var dumpdata = await DumpdataAsync(rows, cancellationToken);
            figures.Add(Figure.Dumpdata, size, export.TotalSeconds, dumpdata.TotalSeconds);
        }

        await workshop.SettleAsync(cancellationToken);
        var changed = Fixture(new SeededFixture(size) { Changed = true }, "changed");
        TimeSpan change;
        var writer = Probe.Write(await workshop.ConnectAsync(Ours, cancellationToken));
        var reader = Probe.Read(await workshop.ConnectAsync(Ours, cancellationToken));
        await using (writer)
        await using (reader)
        {
            (change, counts) = await service.ImportAsync(changed, cancellationToken);
            Expect(counts, "updated", size);
        }

        figures.Add(Figure.Changed, size, change.TotalSeconds, first.TotalSeconds);
        figures.Add(Figure.WritersOfChanged, size, writer.Longest.TotalSeconds);
        figures.Add(Figure.ReadersOfChanged, size, reader.Longest.TotalSeconds);
    }

    /// <summary>New rows come into the tables that psql has filled, while others read and write them.</summary>
    private async Task GrowAsync(int size, CancellationToken cancellationToken)
    {
        await workshop.ExecuteAsync(Theirs, "VACUUM ANALYZE", cancellationToken);
        await using var service = await WarmAsync(Theirs, cancellationToken);
        var fixture = Fixture(new SeededFixture(size) { KeysAfter = size }, "new");
        await workshop.SettleAsync(cancellationToken);

        var writer = Probe.Write(await workshop.ConnectAsync(Theirs, cancellationToken));
        var reader = Probe.Read(await workshop.ConnectAsync(Theirs, cancellationToken));
        await using (writer)
        await using (reader)
        {
            var (_, counts) = await service.ImportAsync(fixture, cancellationToken);
            Expect(counts, "created", size);
        }

        figures.Add(Figure.Writers, size, writer.Longest.TotalSeconds);
        figures.Add(Figure.Readers, size, reader.Longest.TotalSeconds);
    }

    /// <summary>The memory of a process that has done nothing before.</summary>
    private async Task RememberAsync(int size, CancellationToken cancellationToken)
    {
        var database = await workshop.CreateAsync(Ours, cancellationToken);
        await using var service = await Service.StartAsync(database, cancellationToken);
        var idle = service.MarkMemory();
        await service.ImportAsync(Fixture(new SeededFixture(size), "first"), cancellationToken);
        Note(Figure.ImportMemory);
        await service.ExportAsync(cancellationToken);
        Note(Figure.ExportMemory);

        void Note(Figure figure)
        {
            const double Mebibyte = 1024 * 1024;
            var peak = service.PeakMemory();
            figures.Add(figure, size, (peak - idle) / Mebibyte, peak / Mebibyte);
        }
    }

    /// <summary>A service whose code is compiled: the small sizes would measure nothing else.</summary>
    private async Task<Service> WarmAsync(string database, CancellationToken cancellationToken)
    {
        var service = await Service.StartAsync(workshop.ConnectionString(database), cancellationToken);
        var small = Fixture(new SeededFixture(1000) { KeysAfter = int.MaxValue / 2 }, "small");
        for (var i = 0; i < 3; i++)
        {
            await service.ImportAsync(small, cancellationToken, dryRun: true);
            await service.ExportAsync(cancellationToken);
        }

        return service;
    }

    private string Fixture(SeededFixture fixture, string name)
    {
        var path = Path.Combine(workshop.Folder, $"{name}-{fixture.Scores}.json");
        if (!File.Exists(path))
        {
            fixture.WriteTo(path);
        }

        return path;
    }

    /// <summary>The rows of the fixture as psql's own files, a table each.</summary>
    private async Task<string> RowsAsync(int size, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(workshop.Folder, $"rows-{size}");
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
            await workshop.PsqlAsync(
                Ours,
                string.Join('\n', Tables.Select(table => $"\\copy {table} TO '{folder}/{table}'")),
                cancellationToken
            );
        }

        return folder;
    }

    private static string CopyFrom(string rows) =>
        $"BEGIN;\n{string.Join('\n', Tables.Select(table => $"\\copy {table} FROM '{rows}/{table}'"))}\nCOMMIT;\n";

    private static string JsonCopy(IEnumerable<string> columns)
    {
        var fields = columns.Where(column => column != "id").Select(column => $"'{column}', {column}");
        return $"""
            COPY (
                SELECT json_build_object('model', 'api.score', 'pk', id, 'fields', json_build_object({string.Join(
                ", ",
                fields
            )}))
                FROM scores ORDER BY id
            ) TO STDOUT;

            """;
    }

    private async Task<TimeSpan> LoaddataAsync(string fixture, CancellationToken cancellationToken)
    {
        await CreateDjangoAsync(cancellationToken);
        return await workshop.DjangoAsync(Django, ["loaddata", fixture], cancellationToken);
    }

    /// <summary>Django dumps the same scores; how they came into its tables is not measured.</summary>
    private async Task<TimeSpan> DumpdataAsync(string rows, CancellationToken cancellationToken)
    {
        await CreateDjangoAsync(cancellationToken);
        var columns = string.Join(", ", await workshop.ColumnsAsync(Django, "api_score", cancellationToken));
        var export = Path.Combine(rows, "django");
        await workshop.PsqlAsync(Ours, $"\\copy (SELECT {columns} FROM scores) TO '{export}'\n", cancellationToken);
        await workshop.PsqlAsync(Django, $"\\copy api_score ({columns}) FROM '{export}'\n", cancellationToken);
        await workshop.ExecuteAsync(Django, "VACUUM ANALYZE", cancellationToken);
        return await workshop.DjangoAsync(
            Django,
            ["dumpdata", "api", "auth.user", "user_api", "--output", "/dev/null"],
            cancellationToken
        );
    }

    private async Task CreateDjangoAsync(CancellationToken cancellationToken)
    {
        await workshop.CreateEmptyAsync(Django, "template1", cancellationToken);
        await workshop.DjangoAsync(Django, ["migrate", "--run-syncdb"], cancellationToken);
    }

    private static void Expect(System.Text.Json.JsonElement counts, string what, int size)
    {
        if (counts.GetProperty(what).GetInt32() != size)
        {
            throw new InvalidOperationException($"{what} should be {size}: {counts}");
        }
    }
}
