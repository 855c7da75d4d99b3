using System.Diagnostics;
using Exact.Infrastructure.Database.Embedded;
using Npgsql;

namespace Exact.Tests.Support;

/// <summary>A PgBouncer, in transaction mode unless a test asks for another, in front of the tests' server.</summary>
internal sealed class Pooler : IAsyncDisposable
{
    private const string Program = "/usr/sbin/pgbouncer";

    private readonly string folder = Path.Combine(Path.GetTempPath(), $"exact-pooler-{Guid.NewGuid():N}");
    private readonly Process process;

    private Pooler(NpgsqlConnectionStringBuilder server, string ignored, string mode)
    {
        var port = FreePort.Find();
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "users.txt"), $"\"{server.Username}\" \"{server.Password}\"\n");
        File.WriteAllText(
            Path.Combine(folder, "pgbouncer.ini"),
            $"""
            [databases]
            * = host={server.Host} port={server.Port}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = scram-sha-256
            auth_file = {folder}/users.txt
            pool_mode = {mode}
            ignore_startup_parameters = {ignored}
            """
        );
        var account = UnprivilegedAccount.IsNeeded ? UnprivilegedAccount.Choose().Name : "";
        if (account.Length > 0 && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        }

        var start = new ProcessStartInfo(Program, ["--quiet", $"{folder}/pgbouncer.ini"])
        {
            UserName = account,
            RedirectStandardError = true,
        };
        process = Process.Start(start)!;
        process.BeginErrorReadLine();
        ConnectionString = new NpgsqlConnectionStringBuilder(server.ConnectionString)
        {
            Host = "127.0.0.1",
            Port = port,
        }.ConnectionString;
    }

    /// <summary>A superuser's, through the pooler.</summary>
    public string ConnectionString { get; }

    /// <summary>Starts one, or skips the test that asks where none is installed.</summary>
    /// <param name="server">The connection string of the server, with the role that may log in.</param>
    /// <param name="ignored">The parameters of a session that it drops; it rejects the others.</param>
    /// <param name="mode">When it gives a session back: at the end of a <c>transaction</c> or of the <c>session</c>.</param>
    public static async Task<Pooler> StartAsync(
        string server,
        string ignored = "extra_float_digits,search_path,options",
        string mode = "transaction"
    )
    {
        Assert.SkipUnless(File.Exists(Program), $"There is no {Program}: install the package pgbouncer.");
        var pooler = new Pooler(new(server), ignored, mode);
        for (var tries = 0; ; tries++)
        {
            try
            {
                await using var connection = new NpgsqlConnection(pooler.ConnectionString);
                await connection.OpenAsync();
                return pooler;
            }
            catch (NpgsqlException) when (tries < 100 && !pooler.process.HasExited)
            {
                await Task.Delay(50);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
