using System.Diagnostics;
using System.Net;
using System.Text;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Scripts;

/// <summary>Replicas behind the nginx of compose.scale.yml, with a real nginx.</summary>
public sealed class RollingRestartTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nobody_notices_that_replicas_are_replaced_and_one_that_is_killed_costs_no_more_than_a_503()
    {
        await using var proxy = new ReplicaProxy();
        await using var first = await proxy.AddAsync(11, database.ConnectionString);
        await using var second = await proxy.AddAsync(12, database.ConnectionString);
        using (var sample = new ByteArrayContent(Encoding.UTF8.GetBytes(Fixture(Challenge()))))
        {
            using var answer = await first.Client.PostAsync("/api/admin/import", sample, CancellationToken);
            answer.EnsureSuccessStatusCode();
        }

        await proxy.StartAsync();
        using var client = new HttpClient { BaseAddress = proxy.Address };
        client.DefaultRequestHeaders.Authorization = new("Bearer", ExactApp.AdminKey);
        await using var load = new SteadyLoad(client);
        await load.HasAnsweredAsync(HttpStatusCode.OK);

        await using var third = await proxy.AddAsync(13, database.ConnectionString);
        await proxy.StopAsync(first);
        await using var fourth = await proxy.AddAsync(14, database.ConnectionString);
        await proxy.StopAsync(second);
        load.Forget();
        await load.HasAnsweredAsync(HttpStatusCode.OK);
        Assert.Equal(["GET 200", "PATCH 200"], load.Seen.Order());

        third.Kill();
        load.Forget();
        await load.HasAnsweredAsync(HttpStatusCode.OK);
        fourth.Kill();
        await load.HasAnsweredAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Subset(new HashSet<string> { "GET 200", "GET 503", "PATCH 200", "PATCH 503" }, load.Seen);
    }

    /// <summary>The proxy's own files, in a folder of this test, with the replicas' addresses in a file instead of Docker's DNS.</summary>
    private sealed class ReplicaProxy : IAsyncDisposable
    {
        private const string Nginx = "/usr/sbin/nginx";

        private readonly string folder = Directory.CreateTempSubdirectory("exact-proxy-").FullName;
        private readonly int port = FreePort.Find();
        private readonly int replicas = FreePort.Find();
        private readonly Dictionary<ExactProcess, string> addresses = [];
        private Process? process;

        public ReplicaProxy()
        {
            Assert.SkipUnless(File.Exists(Nginx), $"There is no {Nginx}: install the package nginx.");
            foreach (var name in (string[])["nginx.conf", "follow-replicas.sh"])
            {
                var text = File.ReadAllText(Path.Combine(Checkout.Repository, "deploy", "proxy", name));
                text = text.Replace("/tmp/", $"{folder}/", StringComparison.Ordinal);
                text = text.Replace("listen 8080", $"listen 127.0.0.1:{port}", StringComparison.Ordinal);
                File.WriteAllText(Path.Combine(folder, name), text);
            }

            var lookUp = Path.Combine(folder, "getent");
            File.WriteAllText(lookUp, $"#!/bin/sh\ncat {folder}/addresses\n");
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(lookUp, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            }
        }

        public Uri Address => new($"http://127.0.0.1:{port}");

        public async Task<ExactProcess> AddAsync(int number, string connectionString)
        {
            var replica = ExactProcess.Serve(
                connectionString,
                new Dictionary<string, string>
                {
                    ["ASPNETCORE_URLS"] = $"http://127.0.0.{number}:{replicas}",
                    ["Requests__StopDelay"] = "00:00:10",
                    ["ForwardedHeaders__KnownProxies"] = "127.0.0.1",
                }
            );
            addresses.Add(replica, $"127.0.0.{number}");
            await replica.WaitUntilReadyAsync();
            Note();
            return replica;
        }

        /// <summary>As an orchestrator does: the replica has its address until it has ended.</summary>
        public async Task StopAsync(ExactProcess replica)
        {
            await replica.SignalAsync("TERM");
            Assert.Equal(0, await replica.WaitForExitAsync());
            addresses.Remove(replica);
            Note();
        }

        public async Task StartAsync()
        {
            var start = new ProcessStartInfo(
                "/bin/bash",
                [$"{folder}/follow-replicas.sh", $"{folder}/nginx.conf", "api", $"{replicas}"]
            );
            start.Environment["PATH"] = $"{folder}:/usr/sbin:{Environment.GetEnvironmentVariable("PATH")}";
            process = Process.Start(start)!;
            using var client = new HttpClient { BaseAddress = Address };
            await Wait.UntilAsync(
                async () =>
                {
                    try
                    {
                        using var answer = await client.GetAsync("/health/ready", CancellationToken);
                        return answer.IsSuccessStatusCode;
                    }
                    catch (HttpRequestException)
                    {
                        return false;
                    }
                },
                "the proxy answers"
            );
        }

        public async ValueTask DisposeAsync()
        {
            if (process is not null)
            {
                using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
                await process.WaitForExitAsync();
                process.Dispose();
            }

            Directory.Delete(folder, recursive: true);
        }

        private void Note() =>
            File.WriteAllLines($"{folder}/addresses", addresses.Values.Select(one => $"{one} STREAM"));
    }
}
