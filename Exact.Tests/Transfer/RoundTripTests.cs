using System.Globalization;
using System.Text;
using CsCheck;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>
/// The rows are encoded and decoded by hand, past Npgsql's checks; so values of every type are generated, imported, compared with what
/// Npgsql itself reads, and exported again. A failure prints its seed; <c>CsCheck_Seed=… dotnet test</c> repeats it.
/// </summary>
public sealed class RoundTripTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>
{
    private const int Rows = 2000;

    private static readonly double[] Odd =
    [
        -0.0,
        double.NaN,
        double.PositiveInfinity,
        double.NegativeInfinity,
        double.Epsilon,
        double.MaxValue,
    ];

    /// <summary>Every pattern of bits; CsCheck's own doubles are never huge, minus zero, or not a number.</summary>
    private static readonly Gen<double> Numbers = Gen.OneOf(
        Gen.ULong.Select(BitConverter.UInt64BitsToDouble),
        Gen.Double,
        Gen.Int[0, Odd.Length - 1].Select(index => Odd[index])
    );

    [Fact]
    public Task Numbers_come_back_as_they_went_in() =>
        SampleAsync(
            Numbers.Array[Rows],
            async values =>
            {
                await database.ImportedAsync(
                    Fixture([
                        Challenge(),
                        .. values.Select((value, n) => Score(n + 1, fields: $""" "score": {Json(value)} """)),
                    ])
                );

                var scores = await database.ScalarAsync<double[]>("SELECT array_agg(score ORDER BY id) FROM scores");
                Assert.Equal(values.Select(Json), scores!.Select(Json)); // as text, which tells minus zero from zero
            }
        );

    [Fact]
    public Task Strings_come_back_as_they_went_in() =>
        SampleAsync(
            Gen.String.Where(IsText).Array[Rows],
            async values =>
            {
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
            }
        );

    [Fact]
    public Task Times_come_back_as_they_went_in() =>
        SampleAsync(
            Gen.Long[0, DateTime.MaxValue.Ticks / 10].Select(us => new DateTime(us * 10, DateTimeKind.Utc)).Array[Rows],
            async values =>
            {
                await database.ImportedAsync(
                    Fixture([
                        .. values.Select(
                            (value, n) =>
                                Challenge(n + 1, $"c{n}", $""" "closes_on": "{value:yyyy-MM-ddTHH:mm:ss.ffffff}" """)
                        ),
                    ])
                );

                Assert.Equal(
                    values.Select(value => value.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture)),
                    await database.ScalarAsync<string[]>(
                        "SELECT array_agg(to_char(closes_on AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') ORDER BY id) FROM challenges"
                    )
                );
            }
        );

    [Fact]
    public Task Keys_booleans_and_nulls_come_back_as_they_went_in() =>
        SampleAsync(
            Gen.Select(Gen.Int[1, int.MaxValue], Gen.Bool, Gen.Bool, Gen.Bool)
                .Array[Rows]
                .Select(users => users.DistinctBy(user => user.Item1).OrderBy(user => user.Item1).ToArray()),
            async users =>
            {
                await database.ImportedAsync(
                    Fixture([
                        .. users
                            .Reverse()
                            .Select(user =>
                                User(
                                    user.Item1,
                                    $"u{user.Item1}",
                                    $""" "is_staff": {Json(user.Item2)}, "is_active": {Json(user.Item3)}, "last_login": {(user.Item4 ? "null" : "\"2025-01-01\"")} """
                                )
                            ),
                    ])
                );

                Assert.Equal(
                    users.Select(user => (long)user.Item1),
                    await database.ScalarAsync<long[]>("SELECT array_agg(id ORDER BY id) FROM users")
                );
                Assert.Equal(
                    users.Select(user => user.Item2),
                    await database.ScalarAsync<bool[]>("SELECT array_agg(is_staff ORDER BY id) FROM users")
                );
                Assert.Equal(
                    users.Select(user => user.Item3),
                    await database.ScalarAsync<bool[]>("SELECT array_agg(is_active ORDER BY id) FROM users")
                );
                Assert.Equal(
                    users.Select(user => user.Item4),
                    await database.ScalarAsync<bool[]>("SELECT array_agg(last_login IS NULL ORDER BY id) FROM users")
                );
            }
        );

    /// <summary>Generates one sample of many rows, has it checked, and then exported and imported again.</summary>
    private Task SampleAsync<T>(Gen<T> rows, Func<T, Task> check) =>
        rows.SampleAsync(
            async values =>
            {
                await database.EmptyAsync();
                await check(values);
                await AssertUnchangedAfterExportAsync();
            },
            iter: 1,
            threads: 1,
            print: _ => $"{Rows} rows"
        );

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
