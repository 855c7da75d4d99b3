using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using Exact.Infrastructure.Database.Embedded;

namespace Exact.Tests.Support;

/// <summary>The real program as a process of its own: a replica that serves, or a command that runs to its end.</summary>
internal sealed class ExactProcess : IAsyncDisposable
{
    /// <summary>Long, because a busy machine is no failure; nothing waits for it that goes well.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly Process process;
    private readonly ConcurrentQueue<string> errors = new();
    private readonly ConcurrentQueue<string> output = new();
    private readonly HttpClient client;

    private ExactProcess(
        string connectionString,
        string[] arguments,
        IReadOnlyDictionary<string, string>? settings,
        string? folder = null
    )
    {
        var port = FreePort.Find();
        var start = new ProcessStartInfo("dotnet")
        {
            WorkingDirectory = folder ?? Path.GetDirectoryName(Program)!,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(Program);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Production";
        start.Environment["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}";
        start.Environment["ConnectionStrings__Exact"] = connectionString;
        start.Environment["Admin__Key"] = ExactApp.AdminKey;
        MakeShort(start);
        foreach (var (name, value) in settings ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        if (start.Environment["ASPNETCORE_ENVIRONMENT"] == "Production")
        {
            start.Environment.TryAdd("Logging__Console__FormatterName", "simple"); // most tests read the log as text
        }

        process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => output.Enqueue(line.Data ?? "");
        process.ErrorDataReceived += (_, line) => errors.Enqueue(line.Data ?? "");
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        client = new HttpClient { BaseAddress = AddressOf(start, port), Timeout = TimeSpan.FromSeconds(30) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ExactApp.AdminKey);
    }

    /// <summary>
    /// The program: what lies beside the tests, or what <c>EXACT_PROGRAM</c> names. Hundreds of starts take half the
    /// processor time where it is published and compiled ahead, as it is deployed.
    /// </summary>
    public static string Program { get; } =
        Environment.GetEnvironmentVariable("EXACT_PROGRAM") ?? Path.Combine(AppContext.BaseDirectory, "Exact.Api.dll");

    /// <summary>Compiles no code a second time: it takes a fifth of a short life, and a test has hundreds of them.</summary>
    public static void MakeShort(ProcessStartInfo start)
    {
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["DOTNET_TC_CallCounting"] = "0";
    }

    /// <summary>A client of the replica that sends the admin key.</summary>
    public HttpClient Client => client;

    /// <summary>What it wrote to stdout so far.</summary>
    public string Output => string.Join('\n', output).TrimEnd('\n');

    /// <summary>What it logged so far, to stderr.</summary>
    public string Log => string.Join('\n', errors).TrimEnd('\n');

    public bool HasExited => process.HasExited;

    /// <summary>The most memory that it has had so far, in bytes.</summary>
    public long PeakMemory
    {
        get
        {
            process.Refresh();
            return process.PeakWorkingSet64;
        }
    }

    /// <summary>The files that it has open, as Linux names them.</summary>
    public IReadOnlyList<string?> OpenFiles =>
        [.. new DirectoryInfo($"/proc/{process.Id}/fd").EnumerateFiles().Select(file => file.LinkTarget)];

    /// <summary>Starts a replica that serves.</summary>
    public static ExactProcess Serve(
        string connectionString,
        IReadOnlyDictionary<string, string>? settings = null,
        params string[] arguments
    ) => new(connectionString, arguments, settings);

    /// <summary>Starts a replica with an embedded server in this folder.</summary>
    public static ExactProcess Develop(string folder) =>
        new("", [], new Dictionary<string, string> { ["ASPNETCORE_ENVIRONMENT"] = "Development" }, folder);

    /// <summary>Runs a command to its end.</summary>
    public static Task<ExactProcess> RunAsync(string connectionString, params string[] arguments) =>
        RunAsync(connectionString, new Dictionary<string, string>(), arguments);

    /// <summary>The same, with settings.</summary>
    public static async Task<ExactProcess> RunAsync(
        string connectionString,
        IReadOnlyDictionary<string, string> settings,
        params string[] arguments
    )
    {
        var command = new ExactProcess(connectionString, arguments, settings);
        await command.WaitForExitAsync();
        return command;
    }

    /// <summary>Waits until the replica is ready.</summary>
    public Task WaitUntilReadyAsync(TimeSpan? patience = null) =>
        WaitUntilAsync("/health/ready", HttpStatusCode.OK, patience);

    /// <summary>Waits until the replica answers so.</summary>
    public Task WaitUntilAsync(string path, HttpStatusCode status, TimeSpan? patience = null) =>
        WaitAsync(async () => await StatusOfAsync(path) == status, patience);

    /// <summary>Waits until the replica has logged this text.</summary>
    public Task WaitForLogAsync(string text, TimeSpan? patience = null) =>
        WaitAsync(() => Task.FromResult(Log.Contains(text, StringComparison.Ordinal)), patience);

    /// <summary>Waits for the end and returns the exit code.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan? patience = null)
    {
        using var timeout = new CancellationTokenSource(patience ?? Patience);
        await process.WaitForExitAsync(timeout.Token);
        return process.ExitCode;
    }

    /// <summary>SIGKILL; it returns when the process is gone.</summary>
    public void Kill()
    {
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>Sends a signal, such as TERM.</summary>
    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        await kill.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        process.WaitForExit(); // until the last line of its log is here
        client.Dispose();
        var environment = process.StartInfo.Environment["ASPNETCORE_ENVIRONMENT"];
        process.Dispose();
        if (environment == "Production") // Development prints its admin key
        {
            LoggedSecrets.Refuse(errors);
        }
    }

    /// <summary>The address that a test has chosen, or else the one of this port.</summary>
    private static Uri AddressOf(ProcessStartInfo start, int port) =>
        Uri.TryCreate(start.Environment["ASPNETCORE_URLS"], UriKind.Absolute, out var chosen)
            ? chosen
            : new($"http://127.0.0.1:{port}");

    private async Task WaitAsync(Func<Task<bool>> condition, TimeSpan? patience)
    {
        using var timeout = new CancellationTokenSource(patience ?? Patience);
        while (!await condition())
        {
            Assert.False(HasExited, $"The replica ended:\n{Log}");
            Assert.False(timeout.IsCancellationRequested, $"The replica did not come so far:\n{Log}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    /// <summary>The status that the replica answers with; null while it does not listen.</summary>
    public async Task<HttpStatusCode?> StatusOfAsync(string path)
    {
        try
        {
            using var answer = await client.GetAsync(new Uri(path, UriKind.Relative));
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
