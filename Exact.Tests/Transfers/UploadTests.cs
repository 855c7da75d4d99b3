using System.Buffers;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exact.Infrastructure.Transfer.Reading;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfers;

/// <summary>The ways to send a fixture, and to send a broken one.</summary>
public sealed class UploadTests(ExactApp app) : IClassFixture<ExactApp>, IAsyncLifetime
{
    private static readonly byte[] Groups = Encoding.UTF8.GetBytes(Fixture(Group(1, "editors"), Group(2, "judges")));

    private readonly HttpClient admin = app.CreateAdmin();

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await app.Database.ExecuteAsync("TRUNCATE roles, users CASCADE");

    public ValueTask DisposeAsync()
    {
        admin.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData(null)]
    [InlineData("application/json")]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("application/x-ndjson")]
    [InlineData("application/octet-stream")]
    public async Task A_body_is_accepted(string? type)
    {
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Groups, type));
        Assert.Equal(2, await GroupsAsync());
    }

    [Theory]
    [InlineData("application/json; charset=windows-1251", "windows-1251")]
    [InlineData("application/json; charset=\"CP1251\"", "windows-1251")]
    [InlineData("application/x-ndjson; charset=koi8-r", "koi8-r")]
    [InlineData("application/json; charset=utf8", "utf-8")]
    [InlineData("application/json; charset=utf-16", "utf-16")]
    [InlineData("application/gzip; charset=windows-1251", "windows-1251")]
    public async Task The_charset_is_honoured_in_a_body_and_in_a_form(string type, string charset)
    {
        FileEncoding.TryFind(charset, out var encoding);
        var file = (encoding ?? Encoding.UTF8).GetBytes(Fixture(Group(1, "редакторы")));
        file = type.Contains("gzip", StringComparison.Ordinal) ? Gzip(file) : file;
        var part = new ByteArrayContent(file) { Headers = { ContentType = MediaTypeHeaderValue.Parse(type) } };
        using var form = new MultipartFormDataContent { { part, "file", "backup.json" } };

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(file, type));
        Assert.Equal("редакторы", await app.Database.ScalarAsync<string>("SELECT name FROM roles"));
        await InitializeAsync();
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(form));
        Assert.Equal("редакторы", await app.Database.ScalarAsync<string>("SELECT name FROM roles"));
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("utf-7")]
    public async Task A_charset_that_is_not_known_is_refused_by_its_name(string charset)
    {
        var type = MediaTypeHeaderValue.Parse($"application/json; charset={charset}");
        using var body = new ByteArrayContent(Groups) { Headers = { ContentType = type } };
        using var part = new ByteArrayContent(Groups) { Headers = { ContentType = type } };
        using var form = new MultipartFormDataContent { { part, "file", "backup.json" } };

        using var answer = await admin.PostAsync("/api/admin/import", body, CancellationToken);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        var said = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        Assert.StartsWith(
            $"The charset \"{charset}\" in Content-Type is not known",
            said.GetProperty("detail").GetString()
        );
        Assert.Contains("is not known", await RefusalAsync(form));
        Assert.Equal(0, await GroupsAsync());
    }

    [Fact]
    public async Task A_file_in_a_code_page_is_one_error_that_counts_in_the_unpacked_data()
    {
        FileEncoding.TryFind("windows-1251", out var encoding);
        var groups = Enumerable.Range(1, 150).Select(pk => Group(pk, $"редакторы {pk}"));
        var file = Gzip(encoding!.GetBytes(Fixture([.. groups])));

        var said = JsonDocument.Parse(await RefusalAsync(new ByteArrayContent(file))).RootElement;

        Assert.Equal(1, said.GetProperty("error_count").GetInt32());
        var error = said.GetProperty("errors")[0];
        Assert.Equal((1, 57, 56), (Of("line"), Of("column"), Of("byte_offset")));
        Assert.StartsWith(
            "Line 1, column 57: The file is not UTF-8 from byte 56 of the unpacked data, line 1 on. It looks like windows-1251",
            said.GetProperty("detail").GetString()
        );

        long Of(string name) => error.GetProperty(name).GetInt64();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("application/gzip")]
    [InlineData("application/octet-stream")]
    public async Task A_gzip_file_is_recognised(string? type)
    {
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Gzip(Groups), type));
        Assert.Equal(2, await GroupsAsync());
    }

    [Fact]
    public async Task A_file_in_several_gzip_members_is_read_to_its_end()
    {
        var halves = Gzip(Groups[..20]).Concat(Gzip(Groups[20..])).ToArray();

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(halves));
        Assert.Equal(2, await GroupsAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_file_of_a_form_is_accepted(bool packed)
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("my backup"), "comment" },
            { new ByteArrayContent(packed ? Gzip(Groups) : Groups), "file", packed ? "backup.json.gz" : "backup.json" },
        };

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(form));
        Assert.Equal(2, await GroupsAsync());
    }

    [Fact]
    public async Task A_form_with_two_files_is_refused()
    {
        using var form = new MultipartFormDataContent
        {
            { new ByteArrayContent(Groups), "file", "1.json" },
            { new ByteArrayContent(Groups), "file", "2.json" },
        };

        Assert.Contains("more than one file", await RefusalAsync(form));
        Assert.Equal(0, await GroupsAsync());
    }

    [Fact]
    public async Task A_form_without_a_file_is_a_bad_request()
    {
        using var form = new MultipartFormDataContent { { new StringContent("[]"), "comment" } };

        Assert.Contains("The form has no file", await RefusalAsync(form));
    }

    [Fact]
    public async Task A_form_that_is_cut_anywhere_is_a_bad_request()
    {
        using var form = new MultipartFormDataContent("edge")
        {
            { new ByteArrayContent(Groups), "file", "backup.json" },
        };
        var whole = await form.ReadAsByteArrayAsync(CancellationToken);
        var end = whole.AsSpan().IndexOf("\r\n--edge--"u8) + "\r\n--edge--".Length;

        for (var length = 0; length < end; length += 7)
        {
            using var cut = new ByteArrayContent(whole[..length]);
            cut.Headers.ContentType = form.Headers.ContentType;
            Assert.Contains("cut off", await RefusalAsync(cut));
        }

        Assert.Equal(0, await GroupsAsync());
    }

    [Theory]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("text/html")]
    [InlineData("nonsense")]
    public async Task Another_media_type_is_refused_with_the_accepted_ones(string type)
    {
        using var body = new ByteArrayContent(Groups);
        body.Headers.TryAddWithoutValidation("Content-Type", type);
        using var answer = await admin.PostAsync("/api/admin/import", body, CancellationToken);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("application/json", problem.GetProperty("accepted")[0].GetString());
        Assert.Contains("application/x-ndjson", string.Join(',', answer.Headers.GetValues("Accept-Post")));
    }

    [Fact]
    public async Task Another_content_coding_is_refused_with_the_accepted_ones()
    {
        using var body = new ByteArrayContent(Groups) { Headers = { ContentEncoding = { "zstd" } } };
        using var answer = await admin.PostAsync("/api/admin/import", body, CancellationToken);

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        Assert.Equal("gzip, br", string.Join(", ", answer.Headers.GetValues("Accept-Encoding")));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task A_broken_packing_is_a_bad_request_wherever_it_breaks(string coding)
    {
        var large = Encoding.UTF8.GetBytes(
            Fixture([.. Enumerable.Range(1, 200).Select(pk => Group(pk, $"group {pk}"))])
        );
        var whole = coding == "gzip" ? Gzip(large) : Brotli(large);
        var random = new Random(4);
        for (var round = 0; round < 20; round++)
        {
            Assert.Contains("cut off", await RefusalAsync(Packed(whole[..random.Next(1, whole.Length)])));
            byte[] broken = [.. whole];
            broken[random.Next(10, broken.Length)] ^= (byte)random.Next(1, 256);
            if (TryUnpack(coding, broken) is { } other) // it is answered like the same file unpacked
            {
                Assert.Equal(await TryOutAsync(new ByteArrayContent(other)), await TryOutAsync(Packed(broken)));
            }
            else
            {
                Assert.Matches("cut off|damaged|follows the end|not a fixture", await RefusalAsync(Packed(broken)));
            }
        }

        Assert.Equal(0, await GroupsAsync());

        ByteArrayContent Packed(byte[] file) => new(file) { Headers = { ContentEncoding = { coding } } };
    }

    [Fact]
    public async Task No_upload_is_an_error_of_the_service()
    {
        var random = new Random(20261122);
        var answers = new Dictionary<HttpStatusCode, int>();
        for (var round = 0; round < 100; round++)
        {
            var file = MutationTests.Mutate(MutationTests.Valid, random);
            var (status, body) = await TryOutAsync(
                new ByteArrayContent(random.Next(3) == 0 ? MutationTests.Mutate(Gzip(file), random) : file)
            );
            answers[status] = answers.GetValueOrDefault(status) + 1;
            var answer = JsonDocument.Parse(body).RootElement;
            var hasErrors = answer.TryGetProperty("errors", out var errors);
            switch (status)
            {
                case HttpStatusCode.OK:
                    Assert.True(answer.GetProperty("dry_run").GetBoolean());
                    break;
                case HttpStatusCode.BadRequest:
                    Assert.True(hasErrors ? errors.GetArrayLength() == 1 : body.Contains("Nothing was changed"), body);
                    break;
                default:
                    Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
                    Assert.Equal(answer.GetProperty("error_count").GetInt32(), errors.GetArrayLength());
                    break;
            }
        }

        Assert.All(
            (HttpStatusCode[])[HttpStatusCode.OK, HttpStatusCode.BadRequest, HttpStatusCode.UnprocessableEntity],
            status => Assert.InRange(answers.GetValueOrDefault(status), 1, 98)
        );
        Assert.Equal(0, await GroupsAsync());
    }

    private async Task<HttpStatusCode> StatusAsync(byte[] bytes, string? type = null)
    {
        using var body = new ByteArrayContent(bytes);
        body.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        return await StatusAsync(body);
    }

    /// <summary>Sends what has to be refused as a bad request; returns the answer.</summary>
    private async Task<string> RefusalAsync(HttpContent body)
    {
        using (body)
        {
            using var answer = await admin.PostAsync("/api/admin/import", body, CancellationToken);
            var problem = await answer.Content.ReadAsStringAsync(CancellationToken);
            Assert.True(answer.StatusCode is HttpStatusCode.BadRequest, $"{answer.StatusCode}: {problem}");
            return problem;
        }
    }

    /// <summary>The status and the answer of a dry run.</summary>
    private async Task<(HttpStatusCode Status, string Answer)> TryOutAsync(HttpContent body)
    {
        using (body)
        {
            using var answer = await admin.PostAsync("/api/admin/import?dry_run=true", body, CancellationToken);
            var json = await answer.Content.ReadFromJsonAsync<JsonObject>(CancellationToken);
            json!.Remove("trace_id");
            return (answer.StatusCode, json.ToJsonString());
        }
    }

    /// <summary>What the framework makes of a packed file; null if it is broken, or something follows it.</summary>
    private static byte[]? TryUnpack(string coding, byte[] packed)
    {
        var unpacked = new byte[1024 * 1024];
        if (coding == "br")
        {
            using var decoder = new BrotliDecoder();
            return
                decoder.Decompress(packed, unpacked, out var taken, out var written) is OperationStatus.Done
                && taken == packed.Length
                ? unpacked[..written]
                : null;
        }

        try
        {
            using var stream = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
            return unpacked[..stream.ReadAtLeast(unpacked, unpacked.Length, throwOnEndOfStream: false)];
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private async Task<HttpStatusCode> StatusAsync(HttpContent body)
    {
        using var answer = await admin.PostAsync("/api/admin/import", body, CancellationToken);
        return answer.StatusCode;
    }

    private Task<long> GroupsAsync() => app.Database.ScalarAsync<long>("SELECT count(*) FROM roles");

    private static byte[] Gzip(byte[] bytes) => Pack(bytes, to => new GZipStream(to, CompressionLevel.Fastest));

    private static byte[] Brotli(byte[] bytes) => Pack(bytes, to => new BrotliStream(to, CompressionLevel.Fastest));

    private static byte[] Pack(byte[] bytes, Func<Stream, Stream> packer)
    {
        using var packed = new MemoryStream();
        using (var packing = packer(packed))
        {
            packing.Write(bytes);
        }

        return packed.ToArray();
    }
}
