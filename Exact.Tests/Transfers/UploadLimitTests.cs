using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Importing.Writing;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfers;

/// <summary>An upload that is too large or too slow ends early and costs little memory.</summary>
public sealed class UploadLimitTests(ExactApp app) : IClassFixture<ExactApp>, IAsyncLifetime
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
    public async Task An_upload_that_stops_while_others_wait_for_its_tables_is_ended()
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
        const string AreOthersKept = """
            SELECT EXISTS (
                SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE d.datname = current_database() AND l.relation = 'scores'::regclass AND l.mode = 'AccessExclusiveLock'
            )
            """;
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

    private Task<long> GroupsAsync() => app.Database.ScalarAsync<long>("SELECT count(*) FROM roles");

    private static byte[] Bomb(string coding, int mebibytes)
    {
        using var packed = new MemoryStream();
        using (
            Stream packing =
                coding == "gzip"
                    ? new GZipStream(packed, CompressionLevel.Optimal)
                    : new BrotliStream(packed, CompressionLevel.Optimal)
        )
        {
            byte[] spaces = [.. Enumerable.Repeat((byte)' ', MiB)];
            for (var i = 0; i < mebibytes; i++)
            {
                packing.Write(spaces);
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
