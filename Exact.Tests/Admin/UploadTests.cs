using System.Buffers;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Importing.Writing;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Admin;

/// <summary>Whatever way a fixture is sent, and however broken, large or slow it is.</summary>
public sealed class UploadTests(ExactApp app) : IClassFixture<ExactApp>, IAsyncLifetime
{
    private const int MiB = 1024 * 1024;

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
    public async Task A_body_is_taken(string? type)
    {
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Groups, type));
        Assert.Equal(2, await GroupsAsync());
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
    public async Task The_file_of_a_form_is_taken(bool packed)
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
    public async Task A_form_with_two_files_is_refused_whole()
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

        Assert.Contains("no part that is a file", await RefusalAsync(form));
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
    public async Task Another_type_is_refused_and_the_right_ones_are_told(string type)
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
    public async Task Another_coding_is_refused_and_the_right_ones_are_told()
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
    public async Task A_file_above_the_limit_is_too_large()
    {
        await using var strict = app.WithWebHostBuilder(host => host.UseSetting("Transfers:MaxBytes", "100"));
        using var client = strict.CreateClient();
        await strict.Services.GetRequiredService<SchemaState>().WhenReadyAsync(CancellationToken);
        client.DefaultRequestHeaders.Authorization = admin.DefaultRequestHeaders.Authorization;
        using var answer = await client.PostAsync("/api/admin/import", new ByteArrayContent(Groups), CancellationToken);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.Contains("100 bytes", problem.GetProperty("detail").GetString());
        Assert.False(problem.TryGetProperty("errors", out _));
        Assert.Equal(0, await GroupsAsync());
    }

    [Fact]
    public async Task A_bomb_is_too_large_and_costs_no_memory()
    {
        await using var replica = ExactProcess.Serve(app.Database.ConnectionString);
        await replica.WaitUntilReadyAsync();
        using (
            var warm = await replica.Client.PostAsync(
                "/api/admin/import",
                new ByteArrayContent(Groups),
                CancellationToken
            )
        )
        {
            Assert.Equal(HttpStatusCode.OK, warm.StatusCode);
        }

        var before = replica.PeakMemory;
        foreach (var coding in new[] { "gzip", "br" })
        {
            using var bomb = new ByteArrayContent(Bomb(coding, 128)) { Headers = { ContentEncoding = { coding } } };
            using var answer = await replica.Client.PostAsync("/api/admin/import", bomb, CancellationToken);
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
            Assert.Contains("200 times", await answer.Content.ReadAsStringAsync(CancellationToken));
        }

        Assert.InRange(replica.PeakMemory - before, 0, 64 * MiB);
    }

    [Fact]
    public async Task A_file_of_nothing_but_spaces_is_empty_and_costs_no_memory()
    {
        await using var replica = ExactProcess.Serve(app.Database.ConnectionString);
        await replica.WaitUntilReadyAsync();
        var before = replica.PeakMemory;
        using var spaces = new SpacesContent(256);
        using var answer = await replica.Client.PostAsync("/api/admin/import", spaces, CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("The file is empty.", await answer.Content.ReadAsStringAsync(CancellationToken));
        Assert.InRange(replica.PeakMemory - before, 0, 64 * MiB);
    }

    [Fact]
    public async Task A_sender_who_stops_while_others_wait_for_the_tables_is_told_so_and_they_go_on()
    {
        var time = new FakeTimeProvider();
        var body = new BodyCount();
        await using var replica = app.WithWebHostBuilder(host =>
            host.ConfigureTestServices(services =>
                services.AddSingleton<TimeProvider>(time).AddSingleton<IStartupFilter>(body)
            )
        );
        replica.UseKestrel(0);
        replica.StartServer();
        await replica.Services.GetRequiredService<SchemaState>().WhenReadyAsync(CancellationToken);
        var scores = Enumerable.Range(1, 2 * (int)DroppedIndexes.MinRows).Select(n => Score(n));
        var file = Encoding.UTF8.GetBytes(Fixture([Challenge(), .. scores]));
        var address = replica.ClientOptions.BaseAddress;
        using var sender = new TcpClient(address.Host, address.Port);
        await using var line = sender.GetStream();
        await line.WriteAsync(
            Encoding.ASCII.GetBytes(
                $"""
                POST /api/admin/import HTTP/1.1
                Host: {address.Authority}
                Authorization: {admin.DefaultRequestHeaders.Authorization}
                Content-Length: {file.Length}


                """.ReplaceLineEndings("\r\n")
            ),
            CancellationToken
        );

        var sent = file.Length * 9 / 10;
        await line.WriteAsync(file.AsMemory(0, sent), CancellationToken);
        using var reader = new StreamReader(line);
        var answer = reader.ReadToEndAsync(CancellationToken);
        const string AreOthersKept =
            "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'scores'::regclass AND mode = 'AccessExclusiveLock')";
        await Wait.UntilAsync(() => Task.FromResult(body.Read == sent), "all that was sent has been read");
        Assert.True(await app.Database.ScalarAsync<bool>(AreOthersKept));
        await Wait.UntilAsync(
            () =>
            {
                time.Advance(new ImportOptions().Patience); // the import may not have asked for the rest yet
                return Task.FromResult(answer.IsCompleted);
            },
            "the sender is answered"
        );

        Assert.StartsWith("HTTP/1.1 408 ", await answer);
        Assert.Contains("The file stopped coming for 10 seconds", await answer);
        Assert.Contains("Prefer: respond-async", await answer);
        Assert.Equal(0, await app.Database.ScalarAsync<long>("SET lock_timeout = '1s'; SELECT count(*) FROM scores"));
    }

    [Fact]
    public async Task Whatever_is_sent_is_no_fault_of_the_service()
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
        var unpacked = new byte[MiB];
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

    private static byte[] Bomb(string coding, int mebibytes) =>
        Pack(
            [.. Enumerable.Repeat((byte)' ', MiB)],
            to =>
                coding == "gzip"
                    ? new GZipStream(to, CompressionLevel.Optimal)
                    : new BrotliStream(to, CompressionLevel.Optimal),
            mebibytes
        );

    private static byte[] Pack(byte[] bytes, Func<Stream, Stream> packer, int times = 1)
    {
        using var packed = new MemoryStream();
        using (var packing = packer(packed))
        {
            for (var i = 0; i < times; i++)
            {
                packing.Write(bytes);
            }
        }

        return packed.ToArray();
    }

    private sealed class SpacesContent(int mebibytes) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            byte[] spaces = [.. Enumerable.Repeat((byte)' ', MiB)];
            for (var i = 0; i < mebibytes; i++)
            {
                await stream.WriteAsync(spaces);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
