using System.Net;
using System.Security.Cryptography;
using Exact.Tests.Support;
using static Exact.Tests.Challenges.ChallengeForms;

namespace Exact.Tests.Challenges;

/// <summary>Files of challenges, up and down.</summary>
public sealed class ChallengeFileTests(ExactApp app) : IClassFixture<ExactApp>
{
    private readonly HttpClient client = app.CreateAdmin();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_file_comes_back_as_it_was_sent()
    {
        var content = RandomNumberGenerator.GetBytes(3_000_000);
        using var form = Form(("title", "t"))
            .With("mlmodel", new ByteArrayContent(content), "filename=\"model.pkl\"", "application/x-pickle");
        var id = await client.CreateAsync(form);

        using var answer = await client.GetAsync(
            new Uri($"/api/challenges/{id}/mlmodel", UriKind.Relative),
            Cancellation
        );

        Assert.Equal(content, await answer.Content.ReadAsByteArrayAsync(Cancellation));
        Assert.Equal("application/x-pickle", $"{answer.Content.Headers.ContentType}");
        Assert.Equal($"\"{Convert.ToHexStringLower(SHA256.HashData(content))}\"", $"{answer.Headers.ETag}");
        Assert.Equal(["nosniff"], answer.Headers.GetValues("X-Content-Type-Options"));
        Assert.Equal(
            "attachment; filename=model.pkl; filename*=UTF-8''model.pkl",
            $"{answer.Content.Headers.ContentDisposition}"
        );
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync($"/api/challenges/{id}/dataset"));
    }

    [Theory]
    [InlineData("bytes=0-3", 206, "0123", "bytes 0-3/10")]
    [InlineData("bytes=8-", 206, "89", "bytes 8-9/10")]
    [InlineData("bytes=-3", 206, "789", "bytes 7-9/10")]
    [InlineData("bytes=10-", 416, null, "bytes */10")]
    [InlineData("lines=1-2", 200, "0123456789", null)]
    public async Task A_range_is_answered(string range, int status, string? expected, string? contentRange)
    {
        using var form = Form(("title", "t")).With("dataset", "0123456789");
        var id = await client.CreateAsync(form);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/challenges/{id}/dataset");
        request.Headers.TryAddWithoutValidation("Range", range);

        using var answer = await client.SendAsync(request, Cancellation);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(contentRange, answer.Content.Headers.ContentRange?.ToString());
        if (expected is not null)
        {
            Assert.Equal(expected, await answer.Content.ReadAsStringAsync(Cancellation));
        }
    }

    [Fact]
    public async Task A_copy_that_is_current_is_not_sent_again_and_HEAD_sends_the_headers()
    {
        using var form = Form(("title", "t")).With("dataset", "0123456789");
        var id = await client.CreateAsync(form);
        using var head = new HttpRequestMessage(HttpMethod.Head, $"/api/challenges/{id}/dataset");
        using var headers = await client.SendAsync(head, Cancellation);
        using var again = new HttpRequestMessage(HttpMethod.Get, $"/api/challenges/{id}/dataset");
        again.Headers.IfNoneMatch.Add(headers.Headers.ETag!);

        using var answer = await client.SendAsync(again, Cancellation);

        Assert.Equal(HttpStatusCode.NotModified, answer.StatusCode);
        Assert.Equal(10, headers.Content.Headers.ContentLength);
        Assert.Empty(await headers.Content.ReadAsByteArrayAsync(Cancellation));
    }

    [Theory]
    [InlineData("filename=\"a%22b.csv\"", "a\"b.csv")]
    [InlineData("filename=\"a\\\"b.csv\"", "a\"b.csv")]
    [InlineData("filename=\"größe 🎯.csv\"", "größe 🎯.csv")]
    [InlineData("filename=x; filename*=UTF-8''%e2%82%ac.csv", "€.csv")]
    [InlineData("filename=\"../../etc/passwd\"", "passwd")]
    [InlineData("filename=\"C:\\\\dir\\\\a.csv\"", "a.csv")]
    [InlineData("filename=\"a%0D%0AX-Evil: 1.csv\"", "aX-Evil: 1.csv")]
    [InlineData("filename=\"..\"", "file")]
    [InlineData("filename=\"a\u202egpj.exe\"", "agpj.exe")]
    [InlineData("filename=\"\u2066a\u2069\u200f.csv\"", "a.csv")]
    public async Task The_name_of_a_file_is_kept_for_the_download_and_reaches_no_path(
        string disposition,
        string expected
    )
    {
        using var form = Form(("title", "t")).With("dataset", new ByteArrayContent([1]), disposition);
        var id = await client.CreateAsync(form);

        using var answer = await client.GetAsync(
            new Uri($"/api/challenges/{id}/dataset", UriKind.Relative),
            Cancellation
        );

        var sent = answer.Content.Headers.ContentDisposition!;
        Assert.Equal(expected, sent.FileNameStar);
        Assert.False(answer.Headers.Contains("X-Evil"));
        Assert.All(
            Directory.EnumerateFiles(app.Files, "*", SearchOption.AllDirectories),
            path => Assert.Matches("^[0-9a-f]{2}/[0-9a-f]{32}$", Path.GetRelativePath(app.Files, path))
        );
    }

    [Fact]
    public async Task The_metadata_describe_the_files()
    {
        using var form = Form(("challenge_id", "described"), ("title", "t")).With("dataset", "data");
        await client.CreateAsync(form);

        var (_, body) = await client.SendAsync("GET", "/api/challenges/described/metadata");

        Assert.Contains(
            """
            "files":[{"kind":"dataset","name":"dataset.txt","content_type":"application/octet-stream","size":4,"sha256":"3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"
            """.Trim(),
            body
        );
    }

    [Fact]
    public async Task An_upload_that_breaks_off_leaves_neither_row_nor_file()
    {
        var before = await CountAsync();
        using var form = Form(("challenge_id", "broken"), ("title", "t")).With("dataset", new string('x', 400_000));
        var whole = await form.ReadAsByteArrayAsync(Cancellation);
        using var half = new ByteArrayContent(whole[..^100_000]);
        half.Headers.ContentType = form.Headers.ContentType;

        var (status, body) = await client.SendAsync("POST", "/api/challenges", half);

        Assert.Equal(400, status);
        Assert.Contains("was cut off", body);
        Assert.Equal(before, await CountAsync());
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("/api/challenges/broken"));
    }

    [Fact]
    public async Task A_file_that_is_gone_is_not_found()
    {
        using var form = Form(("title", "t")).With("dataset", "data");
        var id = await client.CreateAsync(form);
        var key = await app.Database.ScalarAsync<string>($"SELECT dataset FROM challenges WHERE challenge_id = '{id}'");
        File.Delete(Path.Combine(app.Files, key!));

        var (status, body) = await client.SendAsync("GET", $"/api/challenges/{id}/dataset");

        Assert.Equal(404, status);
        Assert.Contains("files check", body);
    }

    private async Task<HttpStatusCode> StatusAsync(string path) =>
        (HttpStatusCode)(await client.SendAsync("GET", path)).Status;

    private async Task<(int Files, long Rows)> CountAsync() =>
        (
            Directory.EnumerateFiles(app.Files, "*", SearchOption.AllDirectories).Count(),
            await app.Database.ScalarAsync<long>("SELECT count(*) FROM stored_files")
        );
}
