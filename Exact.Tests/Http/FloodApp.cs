using System.Net;
using System.Net.Sockets;
using System.Text;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Exact.Tests.Http;

/// <summary>The service behind the real server, with few database connections and little patience.</summary>
public sealed class FloodApp : ExactApp
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly int port = FreePort.Find();

    public FloodApp() =>
        UseKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port);
            kestrel.Limits.RequestHeadersTimeout = Patience;
            kestrel.Limits.KeepAliveTimeout = Patience;
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: Patience);
            kestrel.Limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 10_000_000, gracePeriod: Patience);
        });

    /// <summary>A client that waits for an answer as long as a person would.</summary>
    public HttpClient CreateVisitor() => new() { BaseAddress = new($"http://127.0.0.1:{port}"), Timeout = Wait.Limit };

    /// <summary>A connection that has sent this and then says and reads nothing.</summary>
    public async Task<Socket> ConnectAsync(string sent)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await socket.SendAsync(Encoding.ASCII.GetBytes(sent));
        return socket;
    }

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.UseSetting("ConnectionStrings:Exact", $"{Database.ConnectionString};Maximum Pool Size=5");
    }
}
