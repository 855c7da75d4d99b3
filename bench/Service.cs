using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Exact.Infrastructure.Database.Embedded;

namespace Exact.Bench;

/// <summary>The real service as a process of its own, spoken to over HTTP.</summary>
internal sealed class Service : IAsyncDisposable
{
    private const string Key = "the key of the bench";

    private readonly Process process;
    private readonly HttpClient client;

    private Service(string connectionString, string? django)
    {
        Port = FreePort.Find();
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Exact.Api.dll")])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Production";
        start.Environment["ASPNETCORE_URLS"] = $"http://127.0.0.1:{Port}";
        start.Environment["ConnectionStrings__Exact"] = connectionString;
        start.Environment["Admin__Key"] = Key;
        start.Environment["Logging__LogLevel__Default"] = "Warning";
        start.Environment["Transfers__Django"] = django;
        process = Process.Start(start)!;
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        client = new HttpClient { BaseAddress = new($"http://127.0.0.1:{Port}"), Timeout = TimeSpan.FromHours(1) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
    }

    public int Port { get; }

    /// <summary>Starts the service and waits until it is ready.</summary>
    public static async Task<Service> StartAsync(
        string connectionString,
        CancellationToken cancellationToken,
        string? django = null
    )
    {
        var service = new Service(connectionString, django);
        while (!await service.IsReadyAsync(cancellationToken))
        {
            if (service.process.HasExited)
            {
                throw new InvalidOperationException($"The service ended with code {service.process.ExitCode}.");
            }

            await Task.Delay(50, cancellationToken);
        }

        return service;
    }

    /// <summary>Runs <c>exact migrate</c> with the migrations of a later release, up to this one.</summary>
    public static async Task MigrateAsync(string connectionString, string later, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Exact.Api.dll"), "migrate"])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Production";
        start.Environment["ConnectionStrings__Exact"] = connectionString;
        start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(LaterMigrations).Assembly.Location;
        start.Environment["ASPNETCORE_HOSTINGSTARTUPASSEMBLIES"] = typeof(LaterMigrations).Assembly.GetName().Name;
        start.Environment[LaterMigrations.Variable] = later;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"migrate: {output}{await errors}");
        }
    }

    /// <summary>Posts a fixture; returns how long it took, and what became of the scores.</summary>
    public async Task<(TimeSpan Time, JsonElement Scores)> ImportAsync(
        string path,
        CancellationToken cancellationToken,
        bool dryRun = false
    )
    {
        await using var file = File.OpenRead(path);
        using var content = new StreamContent(file, 128 * 1024);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return await PostAsync($"import?dry_run={(dryRun ? "true" : "false")}", content, cancellationToken);
    }

    /// <summary>Imports from the live Django database that it was started with.</summary>
    public Task<(TimeSpan Time, JsonElement Scores)> ImportLiveAsync(CancellationToken cancellationToken) =>
        PostAsync("import/django", content: null, cancellationToken);

    private async Task<(TimeSpan Time, JsonElement Scores)> PostAsync(
        string path,
        HttpContent? content,
        CancellationToken cancellationToken
    )
    {
        var watch = Stopwatch.StartNew();
        using var answer = await client.PostAsync(
            new Uri($"/api/admin/{path}", UriKind.Relative),
            content,
            cancellationToken
        );
        var time = watch.Elapsed;
        var report = await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
        return answer.IsSuccessStatusCode
            ? (time, report.GetProperty("models").GetProperty("api.score"))
            : throw new InvalidOperationException($"{answer.StatusCode}: {report}");
    }

    /// <summary>Gets everything and throws it away.</summary>
    public async Task<TimeSpan> ExportAsync(CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        await using var body = await client.GetStreamAsync(
            new Uri("/api/admin/export", UriKind.Relative),
            cancellationToken
        );
        await body.CopyToAsync(Stream.Null, 1024 * 1024, cancellationToken);
        return watch.Elapsed;
    }

    /// <summary>The resident memory now, in bytes; from here on <see cref="PeakMemory"/> starts again.</summary>
    public long MarkMemory()
    {
        File.WriteAllText($"/proc/{process.Id}/clear_refs", "5");
        return Status("VmRSS");
    }

    /// <summary>The most resident memory since <see cref="MarkMemory"/>, in bytes.</summary>
    public long PeakMemory() => Status("VmHWM");

    public async ValueTask DisposeAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        client.Dispose();
    }

    private long Status(string name)
    {
        var line = File.ReadLines($"/proc/{process.Id}/status")
            .Single(line => line.StartsWith($"{name}:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture)
            * 1024;
    }

    private async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await client.GetAsync(new Uri("/health/ready", UriKind.Relative), cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
