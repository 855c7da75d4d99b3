namespace Exact.Bench;

/// <summary>The same users, challenges and scores in Exact's tables and in Django's.</summary>
internal static class SameRows
{
    private static readonly (string Ours, string Theirs)[] Tables =
    [
        ("users", "auth_user"),
        ("challenges", "api_challenge"),
        ("scores", "api_score"),
    ];

    public static async Task FillAsync(
        Workshop workshop,
        int scores,
        string exact,
        string django,
        CancellationToken cancellationToken
    )
    {
        var fixture = Path.Combine(workshop.Folder, "seeded.json");
        new SeededFixture(scores).WriteTo(fixture);
        await workshop.CreateAsync(exact, cancellationToken);
        await using (var service = await Service.StartAsync(workshop.ConnectionString(exact), cancellationToken))
        {
            await service.ImportAsync(fixture, cancellationToken);
        }

        await workshop.CreateEmptyAsync(django, "template1", cancellationToken);
        await workshop.DjangoAsync(django, ["migrate", "--run-syncdb"], cancellationToken);
        foreach (var (ours, theirs) in Tables)
        {
            var columns = string.Join(", ", await workshop.ColumnsAsync(django, theirs, cancellationToken));
            var select = columns.Replace("password", "password_hash", StringComparison.Ordinal);
            var rows = Path.Combine(workshop.Folder, $"rows-{ours}");
            await workshop.PsqlAsync(exact, $"\\copy (SELECT {select} FROM {ours}) TO '{rows}'\n", cancellationToken);
            await workshop.PsqlAsync(django, $"\\copy {theirs} ({columns}) FROM '{rows}'\n", cancellationToken);
        }

        await workshop.ExecuteAsync(exact, "VACUUM ANALYZE", cancellationToken);
        await workshop.ExecuteAsync(django, "VACUUM ANALYZE", cancellationToken);
    }
}
