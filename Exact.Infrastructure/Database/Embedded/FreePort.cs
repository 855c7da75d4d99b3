using System.Net;
using System.Net.Sockets;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>Finds a free port on loopback for a server that is about to start.</summary>
internal static class FreePort
{
    // Below the range of outgoing connections: one of those could take the port before the server binds it.
    private static int last = Random.Shared.Next(10_000, 30_000);

    /// <param name="preferred">The port to return if it is free.</param>
    public static int Find(int? preferred = null)
    {
        var port = preferred ?? Interlocked.Increment(ref last);
        while (!IsFree(port))
        {
            port = Interlocked.Increment(ref last);
        }

        return port;
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
