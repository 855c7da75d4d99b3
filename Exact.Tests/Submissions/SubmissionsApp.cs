using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Accounts;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Hosting;

namespace Exact.Tests.Submissions;

/// <summary>An <see cref="ExactApp"/> with a file store, short leases and two people: bob submits, and ada organises.</summary>
public sealed class SubmissionsApp : ExactApp, IAsyncLifetime
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("exact-files-");

    public HttpClient Admin { get; private set; } = null!;

    public HttpClient Ada { get; private set; } = null!;

    public HttpClient Bob { get; private set; } = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public new async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Admin = CreateAdmin();
        (Ada, Bob) = (await RegisterAsync(CreateClient(), "ada"), await RegisterAsync(CreateClient(), "bob"));
    }

    /// <summary>Registers somebody, who signs in with this client.</summary>
    public static async Task<HttpClient> RegisterAsync(HttpClient client, string name)
    {
        using var made = await client.PostAsJsonAsync(
            "/api/account/register",
            AccountsApp.Registration(name),
            Cancellation
        );
        using var signedIn = await client.PostAsJsonAsync(
            "/api/account/login",
            new { username = name, password = AccountsApp.Password },
            Cancellation
        );
        signedIn.EnsureSuccessStatusCode();
        return client;
    }

    /// <summary>Adds a challenge of ada's and makes its queue the only one.</summary>
    public async Task<string> ChallengeAsync(string rules = "max_bytes=NULL")
    {
        var name = $"c{Guid.NewGuid():N}";
        await Database.ExecuteAsync(
            $"""
            DELETE FROM challenges;
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('{name}', 'Tetris', '', now(), 'ada');
            INSERT INTO challenge_rules (challenge_id, accepted_types, hides_scores) VALUES ('{name}', '', false);
            UPDATE challenge_rules SET {rules}
            """
        );
        return name;
    }

    /// <summary>Sends the form of a submission.</summary>
    public static async Task<HttpResponseMessage> SubmitAsync(
        HttpClient client,
        string challenge,
        string code = "print(1)",
        string fileName = "method.py",
        string? methodName = "mine"
    )
    {
        using var form = new MultipartFormDataContent();
        if (methodName is not null)
        {
            form.Add(new StringContent(methodName), "method_name");
        }

        form.Add(new ByteArrayContent(Encoding.UTF8.GetBytes(code)), "file", fileName);
        return await client.PostAsync($"/api/challenges/{challenge}/submissions", form, Cancellation);
    }

    /// <summary>Bob submits.</summary>
    /// <returns>The number of the submission.</returns>
    public async Task<long> SubmitAsync(string challenge, string code = "print(1)")
    {
        using var answer = await SubmitAsync(Bob, challenge, code);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancellation));
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("id").GetInt64();
    }

    public Task<JsonElement> ReadAsync(long submission) =>
        Bob.GetFromJsonAsync<JsonElement>($"/api/submissions/{submission}", Cancellation);

    public async Task<JsonElement> ClaimAsync(object? request = null)
    {
        using var answer = await Admin.PostAsJsonAsync("/api/worker/claim", request ?? new { }, Cancellation);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.UseSetting("Files:Folder", folder.FullName);
        builder.UseSetting("Submissions:Lease", "00:00:03");
        builder.UseSetting("Submissions:LookEvery", "00:00:00.1");
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        folder.Delete(recursive: true);
    }
}
