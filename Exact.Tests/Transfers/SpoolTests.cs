using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Api.Transfers;
using Exact.Api.Transfers.Unpacking;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Transfers;

/// <summary>An upload with <c>Prefer: respond-async</c> is kept until it is imported.</summary>
public sealed class SpoolTests(ExactApp app) : IClassFixture<ExactApp>
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_folder_that_cannot_hold_an_upload_is_insufficient_storage()
    {
        var folder = Directory.CreateTempSubdirectory("exact-gone-").FullName;
        await using var misplaced = app.WithWebHostBuilder(host => host.UseSetting("Transfers:SpoolFolder", folder));
        using var client = misplaced.CreateClient();
        await misplaced.Services.GetRequiredService<SchemaState>().WhenReadyAsync(CancellationToken);
        Directory.Delete(folder); // a start without it is refused
        using var admin = app.CreateAdmin();
        client.DefaultRequestHeaders.Authorization = admin.DefaultRequestHeaders.Authorization;
        client.DefaultRequestHeaders.Add("Prefer", "respond-async");

        using var answer = await client.PostAsync(
            "/api/admin/import",
            new ByteArrayContent(Encoding.UTF8.GetBytes(Sample.Fixture(Sample.Group(1)))),
            CancellationToken
        );
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

        Assert.Equal(HttpStatusCode.InsufficientStorage, answer.StatusCode);
        Assert.Contains("Transfers:SpoolFolder", problem.GetProperty("detail").GetString());
    }

    [Fact]
    public async Task A_kept_upload_is_read_from_its_beginning_and_has_no_name()
    {
        var folder = Directory.CreateTempSubdirectory();
        byte[] sent = [.. Enumerable.Range(0, 300_000).Select(n => (byte)n)];
        var received = 0L;
        await using var copy = await Spool.KeepAsync(
            new MemoryStream(sent),
            folder.FullName,
            sent.Length,
            bytes => received = bytes,
            CancellationToken
        );
        using var read = new MemoryStream();
        await copy.CopyToAsync(read, CancellationToken);

        Assert.Equal(sent, read.ToArray());
        Assert.Equal(sent.Length, received);
        Assert.Empty(folder.GetFiles());
        folder.Delete();
    }

    [Fact]
    public async Task An_upload_above_the_limit_is_not_kept() =>
        await Assert.ThrowsAsync<FileTooLargeException>(() =>
            Spool.KeepAsync(new MemoryStream(new byte[101]), Path.GetTempPath(), 100, _ => { }, CancellationToken)
        );
}
