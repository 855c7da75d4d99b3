using Exact.Tests.Support;

namespace Exact.Tests.Transfer.Comparing;

/// <summary>
/// Exact loads a fixture as Django's <c>loaddata</c> does: the same ones, into the same rows. Where it does not, on purpose,
/// the table in docs/coming-from-django.md says so.
/// </summary>
public sealed class ComparingTests(ComparedFixtures compared, ITestOutputHelper output)
    : IClassFixture<ComparedFixtures>,
        IAsyncLifetime
{
    private IReadOnlyList<KnownDifference> known = [];

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(await Django.IsInstalledAsync(), Django.IsMissing);
        known = await KnownDifference.ReadAsync(TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public void A_fixture_loads_as_in_Django_or_the_difference_is_listed()
    {
        var differ = compared.All.Where(fixture => fixture.Difference is not null).ToList();
        var unlisted = differ.Where(fixture => !known.Any(row => row.Covers(fixture))).ToList();
        output.WriteLine(
            $"{compared.All.Count} fixtures: {compared.All.Count - differ.Count} equal, "
                + $"{differ.Count - unlisted.Count} different on purpose, {unlisted.Count} unlisted"
        );

        Assert.True(
            unlisted.Count == 0,
            $"{unlisted.Count} differences are not listed:\n{string.Join('\n', unlisted)}"
        );
        Assert.True(compared.All.Count >= 200);
        Assert.Equal(compared.All.Count, compared.All.Select(fixture => fixture.Fixture.Name).Distinct().Count());
    }

    [Fact]
    public void Every_listed_difference_exists()
    {
        var untrue =
            from row in known
            from fixture in compared.All.Where(row.Covers)
            where !row.IsTrueOf(fixture)
            select $"{row.Title}: Django {fixture.Django} and Exact {fixture.Exact} {fixture}";
        var unused =
            from row in known
            from name in row.Cases
            where !compared.All.Any(fixture => KnownDifference.IsMatch(name, fixture))
            select $"{row.Title}: no fixture is named '{name}'";
        var twice =
            from fixture in compared.All
            let rows = known.Where(row => row.Covers(fixture)).ToList()
            where rows.Count > 1
            select $"{fixture.Fixture.Name}: {string.Join(" and ", rows.Select(row => row.Title))}";

        Assert.Empty(untrue.Concat(unused).Concat(twice));
        Assert.NotEmpty(known);
        Assert.All(known, row => Assert.True(row.Reason.Length > 0 && row.Cases.Count > 0, row.Title));
    }
}
