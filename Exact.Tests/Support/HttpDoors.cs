using System.Net;
using System.Net.Http.Headers;
using Exact.Infrastructure.Database.Embedded;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Exact.Tests.Support;

/// <summary>
/// An <see cref="ExactApp"/> behind the real server, once over HTTP/1.1 and once over HTTP/2, with a clock of its own.
/// </summary>
public sealed class HttpDoors : ExactApp
{
    private readonly Dictionary<int, int> ports = new() { [1] = FreePort.Find(), [2] = FreePort.Find() };
    private readonly LogLines errors = new(LogLevel.Error);

    public HttpDoors() =>
        UseKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, ports[1], door => door.Protocols = HttpProtocols.Http1);
            kestrel.Listen(IPAddress.Loopback, ports[2], door => door.Protocols = HttpProtocols.Http2);
        });

    public FakeTimeProvider Time { get; } = new();

    /// <summary>What the service has logged as an error.</summary>
    public IReadOnlyCollection<string> Errors => errors.All;

    public IPEndPoint PlaceOf(int version) => new(IPAddress.Loopback, ports[version]);

    /// <summary>A client that speaks this version of HTTP and sends the admin key.</summary>
    public HttpClient CreateAdmin(int version)
    {
        var client = CreateStranger(version);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", AdminKey);
        return client;
    }

    /// <summary>A client that speaks this version of HTTP and sends no key.</summary>
    public HttpClient CreateStranger(int version) =>
        new(new SocketsHttpHandler { Expect100ContinueTimeout = Wait.Limit })
        {
            BaseAddress = new($"http://{PlaceOf(version)}"),
            DefaultRequestVersion = version == 2 ? HttpVersion.Version20 : HttpVersion.Version11,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.ConfigureLogging(logging => logging.AddProvider(errors));
        builder.ConfigureTestServices(services => services.AddSingleton<TimeProvider>(Time));
    }
}
