using System.Text;
using CsCheck;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using Npgsql;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>Encodings, shapes and values: what a file may look like.</summary>
public sealed class FixtureFormatTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>, IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await database.EmptyAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("utf-8")]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    [InlineData("utf-32")]
    [InlineData("utf-32BE")]
    public async Task Unicode_is_recognised_by_its_first_bytes_with_and_without_a_mark(string name)
    {
        var encoding = Encoding.GetEncoding(name);
        foreach (var mark in (byte[][])[encoding.GetPreamble(), []])
        {
            await database.EmptyAsync();
            byte[] file = [.. mark, .. encoding.GetBytes(Fixture(Challenge(1, "größe 🎯")))];

            var report = FixtureDatabase.Report(await database.ImportAsync(file));

            Assert.Equal("größe 🎯", await database.ScalarAsync<string>("SELECT challenge_id FROM challenges"));
            Assert.Equal(file.Length, report.Bytes);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("utf-16")]
    [InlineData("windows-1251")]
    [InlineData("cp932")]
    public async Task Places_are_those_of_the_file_that_was_sent(string? charset)
    {
        FileEncoding.TryFind(charset ?? "utf-8", out var encoding);
        var (before, after) = ("[" + Challenge(1, "отчёт") + ", ", $"\n{Challenge(2, "ё", """ "closes_on": """)}");
        var wrong = after.IndexOf("\"closes_on\": ", StringComparison.Ordinal) + "\"closes_on\": ".Length;
        var file = $"{before}{after[..wrong]}5{after[wrong..]}]";
        var sent = encoding ?? new UTF8Encoding(encoderShouldEmitUTF8Identifier: true);
        byte[] bytes = [.. sent.GetPreamble(), .. sent.GetBytes(file)];

        var error = Assert.Single(await database.ErrorsOfAsync(new MemoryStream(bytes), encoding));

        Assert.Equal((2, wrong), (error.Line, error.Column));
        Assert.Equal(sent.GetPreamble().Length + sent.GetByteCount(before + after[..wrong]), error.ByteOffset);
    }

    [Fact]
    public async Task Broken_UTF16_is_refused()
    {
        var file = Encoding.Unicode.GetBytes(Fixture(Challenge()));

        Assert.IsType<ImportOutcome.NotJson>(
            await database.ImportAsync([0xFF, 0xFE, .. file[..40], 0x00, 0xD8, .. file[40..]])
        );
    }

    [Fact]
    public async Task A_blank_line_is_a_file_of_no_records_and_an_empty_file_is_none()
    {
        Assert.Equal(0, (await database.ImportedAsync("\n")).Records);
        Assert.IsType<ImportOutcome.NotJson>(await database.ImportAsync(""));
        foreach (var format in Enum.GetValues<FixtureFormat>())
        {
            var nothing = await database.ExportAsync(new ExportOptions { Format = format });
            Assert.Equal(0, FixtureDatabase.Report(await database.ImportAsync(nothing)).Records);
        }
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n\r\n\r\n")]
    [InlineData(" ")]
    public async Task JSON_lines_are_recognised_by_their_first_character(string between)
    {
        var report = await database.ImportedAsync(string.Join(between, Challenge(1, "a"), Challenge(2, "b")) + between);

        Assert.Equal(2, report.Records);
    }

    [Fact]
    public async Task A_file_that_comes_byte_by_byte_is_the_same_file()
    {
        var file = Encoding.UTF8.GetBytes(
            Fixture(
                Challenge(1, "ü\\n🎯"),
                Score(1, "ü\\n🎯", """ "score": NaN, "emd_score": -Infinity, "ima_std": Infinity """)
            )
        );

        var outcome = await database.Importer.ImportAsync(
            new PieceStream(file, 1),
            new ImportOptions(),
            null,
            cancellationToken: TestContext.Current.CancellationToken
        );

        Assert.IsType<ImportOutcome.Imported>(outcome);
        Assert.Equal(
            "NaN -Infinity Infinity",
            await database.ScalarAsync<string>("SELECT concat_ws(' ', score, emd_score, ima_std) FROM scores")
        );
    }

    [Theory]
    [InlineData("""{"fields": {"challenge_id": "x", "title": "b"}, "pk": 1, "model": "api.challenge"}""")]
    [InlineData(
        """{"model": "api.score", "fields": {"challenge_id": 1}, "model": "api.challenge", "pk": 1, "fields": {"challenge_id": "x", "title": "b"}}"""
    )]
    [InlineData(
        """{"pk": 9, "model": "api.challenge", "pk": "1", "fields": {"title": 5, "challenge_id": "x", "title": "b"}, "extra": [NaN]}"""
    )]
    [InlineData(
        """{"\u006dodel": "api.\u0063hallenge", "p\u006b": 1.0, "fields": {"challenge\u005fid": "\u0078", "title": "b"}}"""
    )]
    public async Task Members_come_in_any_order_and_the_last_of_two_counts(string record)
    {
        await database.ImportedAsync(Fixture(record));

        Assert.Equal(
            "1 x b",
            await database.ScalarAsync<string>("SELECT concat_ws(' ', id, challenge_id, title) FROM challenges")
        );
    }

    [Theory]
    [InlineData("2025-01-01T00:00:00", "2025-01-01 00:00:00")]
    [InlineData("2025-01-01 00:00:00", "2025-01-01 00:00:00")]
    [InlineData("2025-01-01T00:00", "2025-01-01 00:00:00")]
    [InlineData("2025-01-01", "2025-01-01 00:00:00")]
    [InlineData("2025-01-01T00:00:00.1", "2025-01-01 00:00:00.1")]
    [InlineData("2025-01-01T00:00:00.123456", "2025-01-01 00:00:00.123456")]
    [InlineData("2025-01-01T00:00:00.1234567", "2025-01-01 00:00:00.123456")]
    [InlineData("2025-01-01T00:00:00,5", "2025-01-01 00:00:00.5")]
    [InlineData("2025-01-01T00:00:00.5Z", "2025-01-01 00:00:00.5")]
    [InlineData("2025-01-01 00:00:00+00:00", "2025-01-01 00:00:00")]
    [InlineData("2025-01-01T00:00:00+02:00", "2024-12-31 22:00:00")]
    [InlineData("2025-01-01T00:00:00-0530", "2025-01-01 05:30:00")]
    [InlineData("2025-01-01T00:00:00+02", "2024-12-31 22:00:00")]
    [InlineData("2025-1-2T3:04:05", "2025-01-02 03:04:05")]
    [InlineData("0001-01-01T00:00:00", "0001-01-01 00:00:00")]
    [InlineData("9999-12-31T23:59:59.999999", "9999-12-31 23:59:59.999999")]
    public async Task Times_are_read_as_Django_reads_them(string text, string utc)
    {
        await database.ImportedAsync(Fixture(Challenge(1, "c1", $""" "closes_on": "{text}" """)));

        Assert.Equal(
            utc,
            await database.ScalarAsync<string>("SELECT (closes_on AT TIME ZONE 'UTC')::text FROM challenges")
        );
    }

    [Fact]
    public async Task A_time_without_a_zone_is_UTC_whatever_zone_the_session_has()
    {
        var inBerlin = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Timezone = "Europe/Berlin" };
        await using var source = NpgsqlDataSource.Create(inBerlin);
        var file = Encoding.UTF8.GetBytes(Fixture(Challenge(1, "c1", """ "closes_on": "2025-06-11T14:16:04.764" """)));

        await new FixtureImporter(source, database.Tables, database.Time).ImportAsync(
            new MemoryStream(file),
            new ImportOptions(),
            null,
            cancellationToken: TestContext.Current.CancellationToken
        );

        Assert.Equal(
            "2025-06-11 14:16:04.764",
            await database.ScalarAsync<string>("SELECT (closes_on AT TIME ZONE 'UTC')::text FROM challenges")
        );
        using var exported = new MemoryStream();
        await new FixtureExporter(source, database.Tables).ExportAsync(
            exported,
            new ExportOptions(),
            TestContext.Current.CancellationToken
        );
        Assert.Contains(
            "\"2025-06-11T14:16:04.764Z\"",
            Encoding.UTF8.GetString(exported.ToArray()),
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("2025-01-01T00:00:00.1234567890123")]
    [InlineData("2025-01-01T00:00:00 +02:00")]
    [InlineData("2025-01-01T24:00:00")]
    [InlineData("2025-01-01T00:00:60")]
    [InlineData("2025-01-01T00:00:00z")]
    [InlineData(" 2025-01-01T00:00:00")]
    [InlineData("2025-01-01T00:00:00 ")]
    [InlineData("20250101T000000")]
    [InlineData("2025-W01-1")]
    [InlineData("0000-01-01T00:00:00")]
    [InlineData("10000-01-01T00:00:00")]
    [InlineData("9999-12-31T23:59:59-01:00")]
    [InlineData("0001-01-01T00:00:00+01:00")]
    [InlineData("2025-01-01T")]
    [InlineData("2025-01-01T00:00:00.")]
    [InlineData("infinity")]
    [InlineData("now")]
    public void A_string_that_Django_does_not_read_as_a_time_is_refused(string text) =>
        Assert.False(FixtureTimestamp.TryParse(Encoding.UTF8.GetBytes(text), out _, out _));

    [Fact]
    public void Every_time_reads_back_as_it_was_written() =>
        Gen.Long[FixtureTimestamp.MicrosecondsOf(DateTime.MinValue), FixtureTimestamp.MicrosecondsOf(DateTime.MaxValue)]
            .Sample(microseconds =>
            {
                Span<byte> text = stackalloc byte[FixtureTimestamp.MaxLength];
                var length = FixtureTimestamp.Format(microseconds, text);
                Assert.True(FixtureTimestamp.TryParse(text[..length], out var read, out _));
                Assert.Equal(microseconds, read);
            });

    [Theory]
    [InlineData("\"0.5\"", 0.5)]
    [InlineData("1E5", 100000)]
    [InlineData("1180591620717411303424", 1.1805916207174113e21)]
    [InlineData("\"NaN\"", double.NaN)]
    [InlineData("NaN", double.NaN)]
    [InlineData("-Infinity", double.NegativeInfinity)]
    public async Task Numbers_are_read_as_Django_reads_them(string json, double expected)
    {
        await database.ImportedAsync(Fixture(Challenge(), Score(1, fields: $""" "score": {json} """)));

        Assert.Equal(expected, await database.ScalarAsync<double>("SELECT score FROM scores"));
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("1", true)]
    [InlineData("\"t\"", true)]
    [InlineData("\"True\"", true)]
    [InlineData("0", false)]
    [InlineData("\"False\"", false)]
    public async Task Booleans_are_read_as_Django_reads_them(string json, bool expected)
    {
        await database.ImportedAsync(Fixture(User(1, "ada", $""" "is_staff": {json} """)));

        Assert.Equal(expected, await database.ScalarAsync<bool>("SELECT is_staff FROM users"));
    }
}
