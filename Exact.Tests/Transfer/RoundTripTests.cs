using System.Globalization;
using System.Text;
using CsCheck;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>
/// The rows are encoded and decoded by hand, past Npgsql's checks; so values of every type are generated, imported, compared with what
/// Npgsql itself reads, and exported again.
/// </summary>
public sealed class RoundTripTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    private const int Rows = 2000;

    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Numbers()
    {
        var values = Gen.Double.Array[Rows].Single();

        await database.ImportedAsync(
            Fixture([
                Challenge(),
                .. values.Select((value, n) => Score(n + 1, fields: $""" "score": {Json(value)} """)),
            ])
        );

        Assert.Equal(values, await database.ScalarAsync<double[]>("SELECT array_agg(score ORDER BY id) FROM scores"));
        await AssertUnchangedAfterExportAsync();
    }

    [Fact]
    public async Task Texts()
    {
        var values = Gen.String.Where(IsText).Array[Rows].Single();

        await database.ImportedAsync(
            Fixture([
                Challenge(),
                .. values.Select((value, n) => Score(n + 1, fields: $""" "error_message": {Json(value)} """)),
            ])
        );

        Assert.Equal(
            values,
            await database.ScalarAsync<string[]>("SELECT array_agg(error_message ORDER BY id) FROM scores")
        );
        await AssertUnchangedAfterExportAsync();
    }

    [Fact]
    public async Task Times()
    {
        var values = Gen.Long[0, DateTime.MaxValue.Ticks / 10]
            .Select(us => new DateTime(us * 10, DateTimeKind.Utc))
            .Array[Rows]
            .Single();

        await database.ImportedAsync(
            Fixture([
                .. values.Select(
                    (value, n) => Challenge(n + 1, $"c{n}", $""" "closes_on": "{value:yyyy-MM-ddTHH:mm:ss.ffffff}" """)
                ),
            ])
        );

        Assert.Equal(
            values.Select(value => value.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture)),
            await database.ScalarAsync<string[]>(
                "SELECT array_agg(to_char(closes_on AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') ORDER BY id) FROM challenges"
            )
        );
        await AssertUnchangedAfterExportAsync();
    }

    [Fact]
    public async Task Keys_truths_and_nulls()
    {
        var values = Gen.Select(Gen.Bool, Gen.Bool, Gen.Bool).Array[Rows].Single();
        var keys = Gen.Long[1, int.MaxValue].HashSet[Rows].Single().ToArray();

        await database.ImportedAsync(
            Fixture([
                .. values.Select(
                    (value, n) =>
                        User(
                            keys[n],
                            $"u{n}",
                            $""" "is_staff": {Json(value.Item1)}, "is_active": {Json(value.Item2)}, "last_login": {(value.Item3 ? "null" : "\"2025-01-01\"")} """
                        )
                ),
            ])
        );

        var order = keys.Select((key, n) => (key, n)).OrderBy(pair => pair.key).Select(pair => pair.n).ToArray();
        Assert.Equal(keys.Order(), await database.ScalarAsync<long[]>("SELECT array_agg(id ORDER BY id) FROM users"));
        Assert.Equal(
            order.Select(n => values[n].Item1),
            await database.ScalarAsync<bool[]>("SELECT array_agg(is_staff ORDER BY id) FROM users")
        );
        Assert.Equal(
            order.Select(n => values[n].Item3),
            await database.ScalarAsync<bool[]>("SELECT array_agg(last_login IS NULL ORDER BY id) FROM users")
        );
        await AssertUnchangedAfterExportAsync();
    }

    private async Task AssertUnchangedAfterExportAsync()
    {
        var exported = await database.ExportAsync();
        var again = FixtureDatabase.Report(await database.ImportAsync(exported));
        Assert.All(again.Models.Values, counts => Assert.Equal(counts.Read, counts.Unchanged));
        await database.EmptyAsync();
        await database.ImportAsync(exported);
        Assert.Equal(exported, await database.ExportAsync());
    }

    private static bool IsText(string value) =>
        !value.Contains('\0') && value == Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(value));

    private static string Json(string value) => System.Text.Json.JsonSerializer.Serialize(value);

    private static string Json(bool value) => value ? "true" : "false";

    private static string Json(double value) =>
        double.IsNaN(value) ? "NaN"
        : double.IsInfinity(value)
            ? value > 0 ? "Infinity"
                : "-Infinity"
        : value.ToString("R", CultureInfo.InvariantCulture);
}
