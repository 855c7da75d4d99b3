using System.Diagnostics;
using System.Text;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Tests.Support;

namespace Exact.Tests.Transfer.Comparing;

/// <summary>Has Django and Exact load all <see cref="FixtureCases"/>, each into empty tables, each in its own database.</summary>
public sealed class ComparedFixtures(MigratedTemplate template) : IAsyncLifetime
{
    private readonly FixtureDatabase exact = new(template);
    private readonly TestDatabase django = new();

    /// <summary>What became of each fixture; empty where Django is not installed.</summary>
    internal IReadOnlyList<ComparedFixture> All { get; private set; } = [];

    public async ValueTask InitializeAsync()
    {
        await exact.InitializeAsync();
        await django.InitializeAsync();
        if (!await Django.IsInstalledAsync())
        {
            return;
        }

        var began = DateTimeOffset.UtcNow;
        var inDjango = LoadInDjangoAsync();
        var inExact = await LoadInExactAsync();
        All =
        [
            .. FixtureCases
                .All.Zip(await inDjango, inExact)
                .Select(both => ComparedFixture.Of(both.First, both.Second, both.Third, began)),
        ];
    }

    public async ValueTask DisposeAsync()
    {
        await exact.DisposeAsync();
        await django.DisposeAsync();
    }

    private async Task<List<LoadedFixture>> LoadInDjangoAsync()
    {
        var python = new Django(django.ConnectionString);
        await python.MigrateAsync();
        var loaded = await python.LoadEachAsync(
            ComparedRows.InDjango,
            FixtureCases.All.Select(fixture => fixture.Json)
        );
        return [.. loaded.Select(load => new LoadedFixture(load.Error, load.Rows))];
    }

    private async Task<List<LoadedFixture>> LoadInExactAsync()
    {
        var importer = new FixtureImporter(exact.DataSource, exact.Tables, TimeProvider.System);
        var loaded = new List<LoadedFixture>();
        foreach (var fixture in FixtureCases.All)
        {
            using var file = new MemoryStream(Encoding.UTF8.GetBytes(fixture.Json));
            loaded.Add(
                await importer.ImportAsync(file, new ImportOptions()) switch
                {
                    ImportOutcome.Imported => new(null, await TakeRowsAsync()),
                    ImportOutcome.Rejected rejected => new(
                        string.Join('\n', rejected.Errors.Select(e => e.Detail)),
                        null
                    ),
                    ImportOutcome.NotJson notJson => new(notJson.Error.Detail, null),
                    var other => throw new UnreachableException($"{fixture.Name}: {other}"),
                }
            );
        }

        return loaded;
    }

    /// <summary>Reads what is there, and empties the tables; for a few rows DELETE is much faster than TRUNCATE.</summary>
    private async Task<Dictionary<string, string[]>> TakeRowsAsync()
    {
        await using var connection = await exact.DataSource.OpenConnectionAsync();
        await using var batch = connection.CreateBatch();
        foreach (var query in ComparedRows.InExact.Values)
        {
            batch.BatchCommands.Add(new(query));
        }

        var rows = new Dictionary<string, string[]>();
        await using (var reader = await batch.ExecuteReaderAsync())
        {
            foreach (var table in ComparedRows.InExact.Keys)
            {
                var read = new List<string>();
                while (await reader.ReadAsync())
                {
                    read.Add(reader.GetString(0));
                }

                rows[table] = [.. read];
                await reader.NextResultAsync();
            }
        }

        await FixtureDatabase.ExecuteAsync(
            connection,
            """
            DELETE FROM scores; DELETE FROM challenges; DELETE FROM companies; DELETE FROM users; DELETE FROM roles;
            SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences
            WHERE sequencename ~ '^(scores|challenges|companies|users|roles)_';
            """
        );
        return rows;
    }
}

/// <param name="Fixture">The fixture.</param>
/// <param name="Django">"loads" or "refuses".</param>
/// <param name="Exact">"loads" or "refuses".</param>
/// <param name="Difference">How the two differ; null if they do not.</param>
internal sealed record ComparedFixture(FixtureCase Fixture, string Django, string Exact, string? Difference)
{
    public static ComparedFixture Of(
        FixtureCase fixture,
        LoadedFixture django,
        LoadedFixture exact,
        DateTimeOffset began
    ) =>
        new(
            fixture,
            django.Error is null ? "loads" : "refuses",
            exact.Error is null ? "loads" : "refuses",
            (django.Error, exact.Error) switch
            {
                (null, null) => LoadedFixture.Difference(django, exact, began),
                (null, { } error) => $"only Exact refuses: {error}",
                ({ } error, null) => $"only Django refuses: {error}",
                _ => null,
            }
        );

    public override string ToString() =>
        $"{Fixture.Name}\n    {Short(Difference ?? "equal")}\n    {Short(Fixture.Json)}";

    private static string Short(string json) => json.Length <= 400 ? json : $"{json[..400]}…";
}
