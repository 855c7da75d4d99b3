using Npgsql;

namespace Exact.Infrastructure.Database;

/// <summary>
/// Completes a connection string that names several hosts, a primary and its standbys, so that the service follows the
/// primary.
/// </summary>
internal static class SeveralHosts
{
    /// <summary>
    /// How long Npgsql believes what it knows of a host, in seconds. A failure makes Exact forget it at once
    /// (<see cref="Sessions.ForgetLost"/>); otherwise a host that is silent would hold up sessions each time it is asked again.
    /// </summary>
    private const int Recheck = 60;

    /// <summary>How long a host that hangs may hold up a new session, in seconds, before the next host is tried.</summary>
    private const int Patience = 2;

    /// <summary>How long a query of a request may take, in seconds: that long a host that hangs keeps those on their way.</summary>
    private const int QuerySeconds = 10;

    public static bool Are(NpgsqlConnectionStringBuilder settings) => settings.Host?.Contains(',') is true;

    /// <summary>Sets what the connection string itself does not.</summary>
    public static void Complete(NpgsqlConnectionStringBuilder settings)
    {
        if (!Are(settings))
        {
            return;
        }

        settings.TargetSessionAttributes ??= "primary";
        if (!settings.ShouldSerialize("Host Recheck Seconds"))
        {
            settings.HostRecheckSeconds = Recheck;
        }

        if (!settings.ShouldSerialize("Timeout"))
        {
            settings.Timeout = Patience;
        }

        if (!settings.ShouldSerialize("Command Timeout"))
        {
            settings.CommandTimeout = QuerySeconds;
        }
    }
}
