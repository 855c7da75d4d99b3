namespace Exact.Infrastructure.Database;

/// <summary>
/// The embedded PostgreSQL cannot run. The message says why and what to do, so no stack trace is needed.
/// </summary>
internal sealed class EmbeddedPostgresException(string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>Creates the exception with the cause and the alternatives.</summary>
    public static EmbeddedPostgresException Because(string cause, Exception? innerException = null) =>
        new($"{cause}\n{WaysOut()}", innerException);

    /// <summary>The alternatives on a machine where the embedded server cannot run.</summary>
    public static string WaysOut(int? major = null) =>
        $"""
            Do one of the following:
              1. Install PostgreSQL{(major is null ? "" : $" {major}")} on this machine, where Exact finds it:
                     {InstallCommand(major)}
              2. Use Docker, with its own PostgreSQL:
                     docker compose up --build
              3. Use an existing server, through its connection string in the environment:
                     ConnectionStrings__Exact="Host=localhost;Username=postgres;Password=...;Database=exact"
            """;

    private static string InstallCommand(int? major)
    {
        if (OperatingSystem.IsWindows())
        {
            return $"winget install PostgreSQL.PostgreSQL.{major ?? 17}";
        }

        if (OperatingSystem.IsMacOS())
        {
            return $"brew install postgresql@{major ?? 17}";
        }

        // ID and ID_LIKE name the distribution and its family:
        // https://www.freedesktop.org/software/systemd/man/os-release.html
        var system = File.Exists("/etc/os-release") ? File.ReadAllText("/etc/os-release").ToLowerInvariant() : "";
        return system switch
        {
            _ when system.Contains("debian") => $"sudo apt-get install postgresql{(major is null ? "" : $"-{major}")}",
            _ when system.Contains("alpine") => $"sudo apk add postgresql{major ?? 17}",
            _ when system.Contains("fedora") || system.Contains("rhel") => "sudo dnf install postgresql-server",
            _ when system.Contains("suse") => $"sudo zypper install postgresql{major}-server",
            _ when system.Contains("arch") => "sudo pacman -S postgresql",
            _ => "the package postgresql (or postgresql-server) of your distribution",
        };
    }
}
