using System.Diagnostics;
using System.Net.Sockets;
using Exact.Infrastructure.Database.Embedded;
using Npgsql;

namespace Exact.Bench;

/// <summary>The legacy stack as a service: Django REST framework under gunicorn, a worker for each core.</summary>
internal sealed class Gunicorn : IAsyncDisposable
{
    private readonly Process process;

    private Gunicorn(string connectionString)
    {
        Port = FreePort.Find();
        var database = new NpgsqlConnectionStringBuilder(connectionString);
        string[] arguments =
        [
            .. (string[])["-B", "-m", "gunicorn", "--bind", $"127.0.0.1:{Port}", "--keep-alive", "75"],
            .. (string[])["--workers", $"{Environment.ProcessorCount}", "--threads", "4", "service:application"],
        ];
        var start = new ProcessStartInfo("/usr/bin/python3", arguments)
        {
            RedirectStandardError = true,
            WorkingDirectory = Path.Combine(AppContext.BaseDirectory, "django"),
        };
        start.Environment["PGHOST"] = database.Host;
        start.Environment["PGPORT"] = $"{database.Port}";
        start.Environment["PGUSER"] = database.Username;
        start.Environment["PGPASSWORD"] = database.Password;
        start.Environment["PGDATABASE"] = database.Database;
        process = Process.Start(start)!;
        process.BeginErrorReadLine();
    }

    public int Port { get; }

    /// <summary>Starts the service and waits until it listens.</summary>
    public static async Task<Gunicorn> StartAsync(string connectionString, CancellationToken cancellationToken)
    {
        var service = new Gunicorn(connectionString);
        while (!await service.IsListeningAsync(cancellationToken))
        {
            if (service.process.HasExited)
            {
                throw new InvalidOperationException($"gunicorn ended with code {service.process.ExitCode}.");
            }

            await Task.Delay(50, cancellationToken);
        }

        return service;
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private async Task<bool> IsListeningAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", Port, cancellationToken);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
