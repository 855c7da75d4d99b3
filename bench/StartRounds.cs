using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Exact.Infrastructure.Database.Embedded;
using Exact.Infrastructure.Migrating;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

[assembly: HostingStartup(typeof(Exact.Bench.WithoutMigrator))]
[assembly: HostingStartup(typeof(Exact.Bench.LaterMigrations))]

namespace Exact.Bench;

/// <summary>
/// How long a start takes on a current schema: the service, the same service without its migrator, and commands beside
/// Django's <c>migrate</c> with nothing to do.
/// </summary>
internal sealed class StartRounds(Workshop workshop, int rounds)
{
    private const string Exact = "start_exact";
    private const string Django = "start_django";

    private static readonly string[] Migrate = ["migrate", "--settings", "start_settings"];

    private readonly Dictionary<string, List<double>> seconds = [];
    private double memory;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await workshop.CreateAsync(Exact, cancellationToken);
        await workshop.CreateEmptyAsync(Django, "template0", cancellationToken);
        await workshop.DjangoAsync(Django, [.. Migrate, "--run-syncdb"], cancellationToken);
        for (var round = 0; round <= rounds; round++) // the first fills the caches, and does not count
        {
            Note(round, "service, ready", await TimeServiceAsync(migrates: true, cancellationToken));
            Note(
                round,
                "service without its migrator, ready",
                await TimeServiceAsync(migrates: false, cancellationToken)
            );
            Note(round, "exact status", await TimeCommandAsync("status", cancellationToken));
            Note(round, "exact migrate", await TimeCommandAsync("migrate", cancellationToken));
            var django = await workshop.DjangoAsync(Django, Migrate, cancellationToken);
            Note(round, "Django's manage.py migrate", django.TotalSeconds);
        }

        Console.WriteLine("| start | median | fastest | slowest |");
        Console.WriteLine("|---|---|---|---|");
        foreach (var (what, all) in seconds)
        {
            all.Sort();
            Console.WriteLine(
                Invariant($"| {what} | {all[all.Count / 2]:0.00} s | {all[0]:0.00} s | {all[^1]:0.00} s |")
            );
        }

        Console.WriteLine(
            Invariant($"\nResident memory of the service when it is ready: {memory / 1024 / 1024:0} MiB")
        );
    }

    private void Note(int round, string what, double took)
    {
        Console.Error.WriteLine(Invariant($"  {what}: {took:0.00} s"));
        if (round > 0)
        {
            (seconds.TryGetValue(what, out var all) ? all : seconds[what] = []).Add(took);
        }
    }

    private async Task<double> TimeServiceAsync(bool migrates, CancellationToken cancellationToken)
    {
        var port = FreePort.Find();
        var start = Start();
        start.Environment["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}";
        start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(WithoutMigrator).Assembly.Location;
        start.Environment["ASPNETCORE_HOSTINGSTARTUPASSEMBLIES"] = typeof(WithoutMigrator).Assembly.GetName().Name;
        start.Environment[WithoutMigrator.Variable] = migrates ? "" : "off";
        var started = Stopwatch.GetTimestamp();
        using var process = Begin(start);
        while (!await IsReadyAsync(port, cancellationToken))
        {
            await Task.Delay(2, cancellationToken);
        }

        var took = Stopwatch.GetElapsedTime(started).TotalSeconds;
        process.Refresh();
        memory = migrates ? process.WorkingSet64 : memory;
        process.Kill();
        await process.WaitForExitAsync(cancellationToken);
        return took;
    }

    private async Task<double> TimeCommandAsync(string command, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        using var process = Begin(Start(command));
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? Stopwatch.GetElapsedTime(started).TotalSeconds
            : throw new InvalidOperationException($"{command} ended with code {process.ExitCode}.");
    }

    private ProcessStartInfo Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(
            "dotnet",
            [Path.Combine(AppContext.BaseDirectory, "Exact.Api.dll"), .. arguments]
        )
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Production";
        start.Environment["ConnectionStrings__Exact"] = workshop.ConnectionString(Exact);
        start.Environment["Admin__Key"] = "the key of the bench";
        return start;
    }

    private static Process Begin(ProcessStartInfo start)
    {
        var process = Process.Start(start)!;
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        return process;
    }

    /// <summary>Without HttpClient, whose first request takes longer than some starts.</summary>
    private static async Task<bool> IsReadyAsync(int port, CancellationToken cancellationToken)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", port, cancellationToken);
            await using var stream = client.GetStream();
            await stream.WriteAsync("GET /health/ready HTTP/1.0\r\n\r\n"u8.ToArray(), cancellationToken);
            var answer = new byte[12];
            return await stream.ReadAtLeastAsync(answer, answer.Length, false, cancellationToken) == answer.Length
                && Encoding.ASCII.GetString(answer).EndsWith("200", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return false; // nobody listens yet
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Takes the migrator out of a service, so that its start can be compared; the schema counts as ready.</summary>
internal sealed class WithoutMigrator : IHostingStartup
{
    public const string Variable = "EXACT_BENCH_MIGRATOR";

    private const string Migrator = "MigrateInBackground";

    public void Configure(IWebHostBuilder builder)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not "off")
        {
            return;
        }

        // The service adds its own later than this, so what is started is chosen when it is asked for.
        builder.ConfigureServices(services =>
            services.AddSingleton<IEnumerable<IHostedService>>(provider => [.. Chosen(services, provider)])
        );
    }

    private static IEnumerable<IHostedService> Chosen(IServiceCollection services, IServiceProvider provider)
    {
        var hosted = services.Where(one => one.ServiceType == typeof(IHostedService)).ToList();
        if (hosted.RemoveAll(one => one.ImplementationType?.Name == Migrator) != 1)
        {
            throw new InvalidOperationException("The service has another migrator than the bench expects.");
        }

        yield return new ReadyAtOnce(provider.GetRequiredService<SchemaState>());
        foreach (var one in hosted)
        {
            yield return (IHostedService)(
                one.ImplementationInstance
                ?? one.ImplementationFactory?.Invoke(provider)
                ?? ActivatorUtilities.CreateInstance(provider, one.ImplementationType!)
            );
        }
    }

    private sealed class ReadyAtOnce(SchemaState state) : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken)
        {
            state.BeReady();
            return Task.CompletedTask;
        }
    }
}
