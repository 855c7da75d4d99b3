using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
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
    public async Task A_body_is_accepted(string? type) =>
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Groups, type));

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

        Assert.Equal(HttpStatusCode.BadRequest, await StatusAsync(form));
        Assert.Equal(0, await GroupsAsync());
    }

    [Fact]
    public async Task A_form_without_a_file_is_a_bad_request()
    {
        using var form = new MultipartFormDataContent { { new StringContent("[]"), "comment" } };

        Assert.Equal(HttpStatusCode.BadRequest, await StatusAsync(form));
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
            Assert.Equal(HttpStatusCode.BadRequest, await StatusAsync(cut));
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
        for (var round = 0; round < 40; round++)
        {
            var broken = round % 2 == 0 ? whole[..random.Next(1, whole.Length - 10)] : [.. whole];
            broken[random.Next(broken.Length)] ^= (byte)random.Next(1, 256);
            using var body = new ByteArrayContent(broken) { Headers = { ContentEncoding = { coding } } };
            using var answer = await admin.PostAsync("/api/admin/import?dry_run=true", body, CancellationToken);
            Assert.InRange((int)answer.StatusCode, 200, 422); // a flipped bit may hit a name, and change no more than that
        }

        using var cut = new ByteArrayContent(whole[..(whole.Length / 2)])
        {
            Headers = { ContentEncoding = { coding } },
        };
        Assert.Equal(HttpStatusCode.BadRequest, await StatusAsync(cut));
        Assert.Equal(0, await GroupsAsync());
    }

    [Fact]
    public async Task No_upload_is_an_error_of_the_service()
    {
        var random = new Random(20261122);
        var statuses = new HashSet<HttpStatusCode>();
        for (var round = 0; round < 300; round++)
        {
            var file = MutationTests.Mutate(MutationTests.Valid, random);
            using var body = new ByteArrayContent(
                random.Next(3) == 0 ? MutationTests.Mutate(Gzip(file), random) : file
            );
            using var answer = await admin.PostAsync("/api/admin/import?dry_run=true", body, CancellationToken);
            statuses.Add(answer.StatusCode);
        }

        Assert.Equal(
            [HttpStatusCode.OK, HttpStatusCode.BadRequest, HttpStatusCode.UnprocessableEntity],
            statuses.Order()
        );
    }

    private async Task<HttpStatusCode> StatusAsync(byte[] bytes, string? type = null)
    {
        using var body = new ByteArrayContent(bytes);
        body.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);
        return await StatusAsync(body);
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
