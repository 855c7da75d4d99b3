using System.Net;
using System.Net.Sockets;

namespace Exact.Tests.Support;

/// <summary>
/// A port for a server that is about to start. Below the ports that systems give to outgoing connections, for of two dozen processes that
/// start at once, one may otherwise get its connection to PostgreSQL from the port that was meant for another.
/// </summary>
internal static class FreePort
{
    private static int last = Random.Shared.Next(10_000, 30_000);

    public static int Find()
    {
        while (true)
        {
            var port = Interlocked.Increment(ref last);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // somebody else's
            }
        }
    }
}
