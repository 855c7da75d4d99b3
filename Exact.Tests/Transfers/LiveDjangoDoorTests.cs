using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Transfers;

/// <summary>The import from a live Django database over HTTP and on the command line.</summary>
public sealed class LiveDjangoDoorTests(ExactApp app, LiveDjango live)
    : IClassFixture<ExactApp>,
        IClassFixture<LiveDjango>,
        IAsyncLifetime
{
    private static readonly Uri Address = new("/api/admin/import/django", UriKind.Relative);

    private LiveDjango.Copy django = null!;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private string Target => app.Database.ConnectionString;

    public async ValueTask InitializeAsync()
    {
        await app.Database.ExecuteAsync(
            "TRUNCATE challenges, scores, companies, users, roles CASCADE; DELETE FROM operations"
        );
        django = await live.CopyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (django is not null)
        {
            await django.DisposeAsync();
        }
    }

    [Fact]
    public async Task An_administrator_imports_the_configured_database_and_the_journal_names_it()
    {
        await using var host = With(django.ConnectionString);
        using var admin = await AdminAsync(host);

        using var dry = await admin.PostAsync(
            new Uri("/api/admin/import/django?dry_run=true", UriKind.Relative),
            null,
            CancellationToken
        );
        Assert.Equal(0, await ScoresAsync());
        using var answer = await admin.PostAsync(Address, null, CancellationToken);
        var report = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        var figures = await app.Database.ScalarAsync<string>(
            "SELECT figures->>'source' FROM operations WHERE kind = 'import' AND state = 'succeeded' ORDER BY id DESC LIMIT 1"
        );

        Assert.Equal(HttpStatusCode.OK, dry.StatusCode);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(1261, report.GetProperty("models").GetProperty("api.score").GetProperty("created").GetInt64());
        Assert.Equal(1261, await ScoresAsync());
        Assert.Equal(django.Address.ToString(), figures);
        Assert.StartsWith($"{django.Name} on ", figures);
    }

    [Fact]
    public async Task A_caller_that_prefers_not_to_wait_gets_the_address_of_the_operation()
    {
        await using var host = With(django.ConnectionString);
        using var admin = await AdminAsync(host);
        using var request = new HttpRequestMessage(HttpMethod.Post, Address);
        request.Headers.Add("Prefer", "respond-async");

        using var answer = await admin.SendAsync(request, CancellationToken);
        var state = "running";
        while (state == "running")
        {
            var operation = await admin.GetFromJsonAsync<JsonElement>(answer.Headers.Location, CancellationToken);
            state = operation.GetProperty("state").GetString();
        }

        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal("succeeded", state);
        Assert.Equal(1261, await ScoresAsync());
    }

    [Fact]
    public async Task Without_the_setting_it_is_switched_off()
    {
        using var admin = app.CreateAdmin();
        using var answer = await admin.PostAsync(Address, null, CancellationToken);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);

        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Contains("Transfers:Django", problem.GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData("/api/admin/import/django?connection=Host=db", "connection")]
    [InlineData("/api/admin/import/django?mode=wild", "mode")]
    public async Task A_caller_names_no_database(string path, string option)
    {
        await using var host = With(django.ConnectionString);
        using var admin = await AdminAsync(host);

        using var answer = await admin.PostAsync(new Uri(path, UriKind.Relative), null, CancellationToken);
        var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
        using var body = await admin.PostAsync(Address, new StringContent("Host=db"), CancellationToken);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.True(problem.GetProperty("errors").TryGetProperty(option, out _));
        Assert.Equal(HttpStatusCode.BadRequest, body.StatusCode);
        Assert.Equal(0, await ScoresAsync());
    }

    [Fact]
    public async Task A_failing_source_is_a_bad_gateway_and_recorded_without_its_password()
    {
        await using var role = await TestRole.CreateAsync();
        await using var host = With(
            LiveDjango.As(role.ConnectionString(django.Name), settings => settings.Password = "swordfish")
        );
        using var admin = await AdminAsync(host);

        using var answer = await admin.PostAsync(Address, null, CancellationToken);
        var text = await answer.Content.ReadAsStringAsync(CancellationToken);
        var journal = await app.Database.ScalarAsync<string>(
            "SELECT to_jsonb(o)::text FROM operations o WHERE kind = 'import' AND state = 'failed'"
        );

        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Contains("28P01", text);
        Assert.Contains("28P01", journal);
        Assert.Contains($"{django.Name} on ", journal);
        Assert.DoesNotContain("swordfish", text + journal);
    }

    [Fact]
    public async Task The_command_does_the_same()
    {
        await django.ExecuteAsync(
            "UPDATE api_challenge SET closes_on = 'infinity' WHERE id = (SELECT min(id) FROM api_challenge)"
        );
        await using var refused = await ExactProcess.RunAsync(
            Target,
            "import",
            "--from-django",
            django.ConnectionString
        );
        await django.ExecuteAsync("UPDATE api_challenge SET closes_on = NULL");
        await using var dry = await ExactProcess.RunAsync(
            Target,
            "import",
            "--dry-run",
            "--from-django",
            django.ConnectionString
        );
        var before = await ScoresAsync();
        await using var import = await ExactProcess.RunAsync(
            Target,
            "import",
            $"--from-django={django.ConnectionString}"
        );
        await using var again = await ExactProcess.RunAsync(
            Target,
            new Dictionary<string, string> { ["Transfers__Django"] = django.ConnectionString },
            "import",
            "--from-django"
        );

        Assert.Equal(1, await refused.WaitForExitAsync());
        Assert.Contains("api.challenge 1, closes_on: The value must be a time", refused.Log);
        Assert.Equal(0, await dry.WaitForExitAsync());
        Assert.Equal(0, before);
        Assert.Equal(0, await import.WaitForExitAsync());
        Assert.Contains("\"created\": 1261", import.Output);
        Assert.Contains($"\"source\": \"{django.Name} on ", import.Output);
        Assert.Equal(0, await again.WaitForExitAsync());
        Assert.Contains("\"unchanged\": 1261", again.Output);
    }

    [Theory]
    [InlineData(
        2,
        "needs a FILE or --from-django",
        "import",
        "backup.json",
        "--from-django",
        "Host=db;Database=django"
    )]
    [InlineData(2, "needs a FILE or --from-django", "import")]
    [InlineData(2, "--from-django must be a connection string", "import", "--from-django", "swordfish")]
    [InlineData(2, "Transfers:Django must be a connection string", "import", "--from-django")]
    [InlineData(
        1,
        "cannot be read",
        "import",
        "--from-django",
        "Host=127.0.0.1;Port=1;Database=django;Password=swordfish"
    )]
    public async Task The_command_explains_a_failure_in_one_line(
        int exitCode,
        string expected,
        params string[] arguments
    )
    {
        await using var command = await ExactProcess.RunAsync(Target, arguments);

        Assert.Equal(exitCode, await command.WaitForExitAsync());
        Assert.Contains(expected, command.Log);
        Assert.DoesNotContain("swordfish", command.Log + command.Output);
    }

    private Task<long> ScoresAsync() => app.Database.ScalarAsync<long>("SELECT count(*) FROM scores");

    private WebApplicationFactory<Program> With(string django) =>
        app.WithWebHostBuilder(builder => builder.UseSetting("Transfers:Django", django));

    private static async Task<HttpClient> AdminAsync(WebApplicationFactory<Program> host)
    {
        await host.Services.GetRequiredService<SchemaState>().WhenReadyAsync(CancellationToken);
        var client = host.CreateClient();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ExactApp.AdminKey);
        return client;
    }
}
